// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// A value that tests share.
final class Mutexed<Value: Sendable>: Sendable {
    private let box: Mutex<Value>
    init(_ value: Value) { box = Mutex(value) }
    var value: Value {
        get { box.withLock { $0 } }
        set { box.withLock { $0 = newValue } }
    }
    func change(_ body: @Sendable (inout sending Value) -> Void) { box.withLock { body(&$0) } }
}
