// SPDX-License-Identifier: Apache-2.0
import Dispatch
import Foundation
import Migration
import Synchronization

/// ctrl-C, SIGTERM and SIGHUP: the first asks the work to finish what is in flight, a second ends at once with 130.
final class Signals {
    private let sources: [any DispatchSourceSignal]

    /// Calls `stop` at the first signal, on a queue of its own, for as long as this value lives.
    init(stop: @escaping @Sendable () -> Void) {
        let queue = DispatchQueue(label: "ticketferry.signals")
        let count = Count()
        sources = [SIGINT, SIGTERM, SIGHUP].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                if count.next() > 1 { _exit(130) }
                Console.write("\nstopping: finishing what is in flight; once more ends at once\n", to: STDERR_FILENO)
                stop()
            }
            source.activate()
            return source
        }
    }

    /// How many signals came.
    private final class Count: Sendable {
        private let value = Mutex(0)

        func next() -> Int {
            value.withLock { value in
                value += 1
                return value
            }
        }
    }
}

/// `--until`: gives the signal to stop at a time.
final class StopTimer {
    private let task: Task<Void, Never>

    /// Gives `stop` at that time, unless it is cancelled before.
    init(_ time: StopTime, _ stop: StopSignal) { task = Task { await stop.stop(at: time) } }

    /// Lets it be.
    func cancel() { task.cancel() }
}
