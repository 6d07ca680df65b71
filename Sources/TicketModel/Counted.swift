// SPDX-License-Identifier: Apache-2.0

extension Int {
    /// With groups of thousands: `41,233`.
    package var grouped: String {
        let digits = Array(String(magnitude))
        var out = ""
        for (i, digit) in digits.enumerated() {
            if i > 0, (digits.count - i) % 3 == 0 { out.append(",") }
            out.append(digit)
        }
        return self < 0 ? "-" + out : out
    }

    /// With its noun: `1 ticket`, `2 tickets`, `3 replies` by `plural`.
    package func counted(_ noun: String, _ plural: String? = nil) -> String {
        "\(grouped) \(self == 1 ? noun : plural ?? noun + "s")"
    }
}
