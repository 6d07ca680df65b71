// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization
import Testing

/// The built tool, run as a process of its own in a folder of its own.
struct Tool {
    /// Emptied when the value's owner calls ``remove()``.
    let folder: URL

    /// Makes an empty folder to work in.
    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "ticketferry-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    /// What a command printed and how it ended.
    struct Result {
        /// The exit code; 128 + the signal for a killed process, as shells have it.
        var code: Int32
        var output: String
        var errors: String
    }

    /// The binary beside the test bundle.
    static var binary: URL {
        URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().appending(path: "ticketferry")
    }

    /// The repository's root.
    static var root: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
    }

    /// The real exports.
    static var samples: URL { root.appending(path: "samples") }

    /// Runs a command to its end, bounded in time.
    @discardableResult
    func run(_ arguments: String..., input: String? = nil, environment: [String: String] = [:], seconds: Double = 120)
        throws -> Result
    {
        try run(arguments, input: input, environment: environment, seconds: seconds)
    }

    /// Runs a command to its end, bounded in time.
    @discardableResult
    func run(_ arguments: [String], input: String? = nil, environment: [String: String] = [:], seconds: Double = 120)
        throws -> Result
    {
        let running = try start(arguments, input: input, environment: environment)
        return running.wait(seconds: seconds)
    }

    /// Starts a command and goes on.
    func start(_ arguments: [String], input: String? = nil, environment: [String: String] = [:]) throws -> Running {
        try Running(arguments, folder: folder, input: input, environment: environment)
    }

    /// Writes a file into the folder.
    func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: folder.appending(path: name))
    }

    /// Reads a file of the folder.
    func read(_ name: String) throws -> String {
        String(decoding: try Data(contentsOf: folder.appending(path: name)), as: UTF8.self)
    }

    /// Whether a file is in the folder.
    func exists(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: folder.appending(path: name).path)
    }

    /// Removes the folder.
    func remove() { try? FileManager.default.removeItem(at: folder) }
}

/// A command that runs.
///
/// Its streams go to files, so that no pipe can fill up.
final class Running {
    private let process = Process()
    private let output: URL
    private let errors: URL

    init(_ arguments: [String], folder: URL, input: String?, environment: [String: String]) throws {
        let id = UUID().uuidString
        output = folder.appending(path: ".out-\(id)")
        errors = folder.appending(path: ".err-\(id)")
        for file in [output, errors] { _ = FileManager.default.createFile(atPath: file.path, contents: nil) }
        process.executableURL = Tool.binary
        process.arguments = arguments
        process.currentDirectoryURL = folder
        var all = ProcessInfo.processInfo.environment
        all["NO_COLOR"] = "1"
        for (name, value) in environment { all[name] = value }
        process.environment = all
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: errors)
        if let input {
            let file = folder.appending(path: ".in-\(id)")
            try Data(input.utf8).write(to: file)
            process.standardInput = try FileHandle(forReadingFrom: file)
        } else {
            process.standardInput = FileHandle.nullDevice
        }
        try process.run()
    }

    /// What it printed so far on standard output.
    var outputSoFar: String { (try? String(contentsOf: output, encoding: .utf8)) ?? "" }
    /// Whether it still runs.
    var isRunning: Bool { process.isRunning }

    /// Sends a signal to this process alone.
    func signal(_ number: Int32) { kill(process.processIdentifier, number) }

    /// Waits for the end, at most so long; past it the process is killed and the test fails.
    func wait(seconds: Double = 120) -> Tool.Result {
        let end = Date().addingTimeInterval(seconds)
        while process.isRunning, Date() < end { usleep(5_000) }
        if process.isRunning {
            Issue.record("still running after \(seconds) s")
            signal(SIGKILL)
        }
        process.waitUntilExit()
        let code = process.terminationStatus + (process.terminationReason == .uncaughtSignal ? 128 : 0)
        return Tool.Result(
            code: code, output: outputSoFar, errors: (try? String(contentsOf: errors, encoding: .utf8)) ?? "")
    }

    /// Waits until its standard output holds a text.
    func waitForOutput(_ text: String, seconds: Double = 30) throws {
        let end = Date().addingTimeInterval(seconds)
        while !outputSoFar.contains(text) {
            try #require(Date() < end && process.isRunning, "no “\(text)” within \(seconds) s")
            usleep(10_000)
        }
    }
}
