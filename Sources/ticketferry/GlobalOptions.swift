// SPDX-License-Identifier: Apache-2.0
import ArgumentParser

/// The flags that every command takes.
struct GlobalOptions: ParsableArguments {
    @Flag(name: .long, help: "Print the result as JSON on standard output.")
    var json = false

    @Flag(name: .long, help: "No progress and no notes; errors, warnings and results only.")
    var quiet = false

    @Flag(name: .long, help: "Say more about what is done.")
    var verbose = false

    @Flag(name: .customLong("no-color"), help: "No colours (so does the environment's NO_COLOR).")
    var noColor = false
}
