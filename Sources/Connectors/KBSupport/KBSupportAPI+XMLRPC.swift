// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
internal import TicketModel
internal import Transport

extension KBSupportAPI {
    /// Calls a method of WordPress's XML-RPC that reads: the login stands in the body.
    ///
    /// - Throws: a `Diagnostic` where no answer came, or one that is no XML-RPC.
    func ask(_ method: String, _ parameters: [XMLRPC.Value]) async throws -> XMLRPC.Message {
        let answer = try await client.read(xmlCall(method, parameters, effect: .read))
        guard answer.isSuccess, let message = XMLRPC.read(answer.body) else { throw answer.problem }
        return message
    }

    /// Calls a method that reads, on a site that may have closed its XML-RPC: nil where it has.
    ///
    /// - Throws: a `Diagnostic` where the site was busy, showed a page or gave no answer, which says nothing of that.
    func askIfThere(_ method: String, _ parameters: [XMLRPC.Value]) async throws -> XMLRPC.Message? {
        do {
            let answer = try await client.read(xmlCall(method, parameters, effect: .read))
            if answer.isSuccess, let message = XMLRPC.read(answer.body) { return message }
            guard answer.isSuccess || answer.status == 429 || answer.status >= 500 else { return nil }
            throw answer.problem
        } catch var diagnostic as Diagnostic {
            diagnostic.remedy +=
                "; where xmlrpc.php never answers, `xmlrpc: off` writes by REST alone: dates get lost, and replies are e-mailed"
            throw diagnostic
        }
    }

    /// Calls a method that writes, and says what its answer proves.
    ///
    /// A fault is WordPress's own refusal; a page of a firewall proves nothing.
    func tell(_ method: String, _ parameters: [XMLRPC.Value]) async -> Sent {
        await client.send(xmlCall(method, parameters, effect: .write)) { answer in
            guard answer.isSuccess, let message = XMLRPC.read(answer.body) else { return .uncertain(answer.problem) }
            switch message {
            case .answer(let json): return .understood(json)
            case .fault(let code, let text):
                let diagnostic = Diagnostic(
                    code: "kb-support.xmlrpc-refused",
                    "WordPress's XML-RPC refused \(method) (fault \(code)): “\(client.redact(String(text.prefix(240))))”",
                    subject: answer.request,
                    remedy: "compare the message with the login's rights; `xmlrpc: off` writes by REST alone",
                    cause: .someFailed)
                return (400..<500).contains(code) ? .refused(status: code, diagnostic) : .uncertain(diagnostic)
            case .call: return .uncertain(answer.problem)
            }
        }
    }

    /// Asks a method that reads for many things at once: `system.multicall`, or one after another where a site closes it.
    ///
    /// - Returns: an answer for each; nil for what is not there or not for this login.
    /// - Throws: a `Diagnostic` where no answer came.
    func ask(_ method: String, each parameters: [[XMLRPC.Value]]) async throws -> [JSON?] {
        var out: [JSON?] = []
        for start in stride(from: 0, to: parameters.count, by: Self.perPage) {
            let some = Array(parameters[start..<min(parameters.count, start + Self.perPage)])
            if some.count > 1, let answers = try await askAtOnce(method, some) {
                out += answers
                continue
            }
            for one in some {
                if case .answer(let json) = try await ask(method, one) { out.append(json) } else { out.append(nil) }
            }
        }
        return out
    }

    /// Many calls in one; nil where the site does not do that.
    private func askAtOnce(_ method: String, _ parameters: [[XMLRPC.Value]]) async throws -> [JSON?]? {
        let calls: [XMLRPC.Value] = parameters.map { one in
            .object([("methodName", .string(method)), ("params", .array(login + one))])
        }
        let call = APICall(
            .post, "xmlrpc.php", body: .raw(XMLRPC.call("system.multicall", [.array(calls)]), type: "text/xml"),
            effect: .read, api: .plain(""))
        let answer = try await client.read(call)
        guard answer.isSuccess, case .answer(let json)? = XMLRPC.read(answer.body), let answers = json.array,
            answers.count == parameters.count
        else { return nil }
        // An answer stands in a list of one, a fault does not.
        return answers.map { $0.array?.first }
    }

    /// What stands before the parameters of every method.
    private var login: [XMLRPC.Value] {
        guard case .basic(let user, let password) = client.authentication else { return [.int(1)] }
        return [.int(1), .string(user), .string(password.reveal())]
    }

    private func xmlCall(_ method: String, _ parameters: [XMLRPC.Value], effect: APICall.Effect) -> APICall {
        APICall(
            .post, "xmlrpc.php", body: .raw(XMLRPC.call(method, login + parameters), type: "text/xml"),
            effect: effect, api: .plain(""))
    }
}
