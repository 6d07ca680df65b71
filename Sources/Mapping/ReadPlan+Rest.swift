// SPDX-License-Identifier: Apache-2.0

extension ReadPlan {
    /// The same plan without the leaves that no rule names: `rest: drop` of a migration file, over the mapping's own word.
    package func droppingRest() -> ReadPlan {
        var plan = self
        plan.rules.keepsRest = false
        return plan
    }

    /// The same plan with every leaf that no rule names among the extras: `rest: extras` of a migration file.
    package func keepingRest() -> ReadPlan {
        var plan = self
        plan.rules.keepsRest = true
        return plan
    }
}
