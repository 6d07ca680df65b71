// SPDX-License-Identifier: Apache-2.0
import ConformanceKit
import Connectors
import Foundation
import Sandbox
import Testing
import TicketModel

/// Sources that change while they are read.
@Suite struct MovingPagesTests {
    @Test(arguments: Examinee.all)
    func `What was there from the start and was not deleted is read, whatever moves between the pages`(
        examinee: Examinee
    ) async throws {
        let pages = MovingPages(examinee, delete: Self.delete(examinee.helpdesk.name))
        for seed in UInt64(1)...8 {
            let complaints = try await pages.read(seed: seed)
            #expect(complaints.isEmpty, "\(examinee): \(complaints.joined(separator: "\n"))")
        }
    }

    /// How people delete a ticket there; nil where nobody can (a conversation of Smartsupp).
    private static func delete(_ name: String) -> (@Sendable (any SandboxHelpdesk, String) async throws -> Void)? {
        switch name {
        case "fluent-support":
            { site, id in
                let login = Data("\(Examinee.user):\(Examinee.secret)".utf8).base64EncodedString()
                let answer = await site.respond(
                    to: SandboxRequest(
                        "DELETE", "/wp-json/fluent-support/v2/tickets/\(id)/delete",
                        headers: ["authorization": "Basic \(login)"]))
                guard answer.status == 200 else { throw ExamFailure("it cannot be deleted: \(answer.status)") }
            }
        case "kb-support":
            { site, id in
                try await (site as? KBSupportSandbox)?.edit { tables in
                    if let id = Int(id) { tables["posts"][id] = nil }
                }
            }
        case "smart-support":
            { site, id in
                try await (site as? SmartSupportSandbox)?.edit { tables in
                    if let id = Int(id) { tables["tickets"][id] = nil }
                }
            }
        case "supportengine":
            { site, id in
                try await (site as? SupportEngineSandbox)?.edit { tables in
                    if let id = Int(id) { tables["tickets"][id] = nil }
                }
            }
        default: nil
        }
    }
}
