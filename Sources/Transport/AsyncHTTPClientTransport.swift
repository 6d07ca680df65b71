// SPDX-License-Identifier: Apache-2.0
internal import AsyncHTTPClient
package import HTTPTypes
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPCompression
internal import NIOPosix
internal import NIOSSL
internal import Synchronization

/// HTTP/1.1 over sockets, with kept-alive connections.
///
/// The only file that knows AsyncHTTPClient.
///
/// Proxies from the environment are not used: whoever runs a migration says where its data goes.
package final class AsyncHTTPClientTransport: HTTPTransport {
    private let client: HTTPClient
    private let settings: HTTPClient.Configuration
    /// By host and address; few, since files lie at few hosts.
    private let pins = Mutex<[String: AsyncHTTPClientTransport]>([:])
    private let timekeeper = Timekeeper.system

    /// Opens nothing yet.
    ///
    /// - Parameters:
    ///   - connections: the most connections to one host at a time: the migration's `concurrency`.
    ///   - connectTimeout: for name look-up, connection and TLS together.
    ///   - decompressedLimit: the most bytes that one compressed answer may become.
    package init(
        connections: Int = 8, connectTimeout: Duration = .seconds(10), decompressedLimit: Int = 256 << 20
    ) {
        var settings = HTTPClient.Configuration(redirectConfiguration: .disallow)
        settings.httpVersion = .http1Only
        settings.decompression = .enabled(limit: .size(decompressedLimit))
        settings.timeout.connect = .milliseconds(Int64(connectTimeout.inMilliseconds))
        settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = max(1, connections)
        // Apache closes idle connections after 5 s by default. A request sent into a connection that is just being
        // closed is an uncertain write, so ours are given up earlier.
        settings.connectionPool.idleTimeout = .seconds(3)
        // Retries are the client's business, which counts and reports them.
        settings.connectionPool.retryConnectionEstablishment = false
        self.settings = settings
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
    }

    private init(_ settings: HTTPClient.Configuration) {
        self.settings = settings
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
    }

    package func addresses(of host: String) async -> [String]? { await HostLookup.addresses(of: host) }

    package func pinned(_ host: String, to address: String) -> any HTTPTransport {
        pins.withLock { pins in
            if let known = pins["\(host) \(address)"] { return known }
            var settings = settings
            // Certificates are still checked for the name.
            settings.dnsOverride = [host: address]
            let made = AsyncHTTPClientTransport(settings)
            pins["\(host) \(address)"] = made
            return made
        }
    }

    deinit {
        // A second shutdown is an error that nobody needs to hear of; the client holds itself until it is done.
        client.shutdown { _ in }
    }

    package func close() async {
        let pinned = pins.withLock { pins in
            defer { pins = [:] }
            return Array(pins.values)
        }
        for one in pinned { await one.close() }
        try? await client.shutdown()
    }

    package func send(
        _ request: OutgoingRequest, deadline: Duration, into sink: any ResponseSink
    ) async throws -> HTTPResponse {
        try Task.checkCancellation()
        try request.body.checkFiles()
        let outgoing = Self.translate(request)
        return try await withDeadline(deadline, by: timekeeper) { [client] in
            var failureOfSink: (any Error)?
            do {
                let answer = try await client.execute(outgoing, deadline: .distantFuture)
                let head = Self.head(of: answer)
                for try await buffer in answer.body {
                    do {
                        try await sink.receive(Array(buffer.readableBytesView), of: head)
                    } catch {
                        // Sent is sent: a sink that was cancelled must not pass for a request that was not sent.
                        failureOfSink = error is CancellationError ? HTTPFailure.cancelled : error
                        throw error
                    }
                }
                return head
            } catch {
                if let failureOfSink { throw failureOfSink }
                throw Self.failure(error)
            }
        }
    }

    private static func translate(_ request: OutgoingRequest) -> HTTPClientRequest {
        var outgoing = HTTPClientRequest(url: request.url.text)
        outgoing.method = HTTPMethod(rawValue: request.method.rawValue)
        for field in request.fields { outgoing.headers.add(name: field.name.rawName, value: field.value) }
        if !request.body.isEmpty {
            let body = request.body
            if case .bytes(let bytes)? = body.parts.first, body.parts.count == 1 {
                outgoing.body = .bytes(ByteBuffer(bytes: bytes))
            } else {
                outgoing.body = .stream(BufferSequence(body: body), length: .known(Int64(body.count)))
            }
        }
        return outgoing
    }

    private static func head(of answer: HTTPClientResponse) -> HTTPResponse {
        var fields = HTTPFields()
        for (name, value) in answer.headers {
            if let name = HTTPField.Name(name) { fields.append(HTTPField(name: name, value: value)) }
        }
        return HTTPResponse(status: .init(code: Int(answer.status.code)), headerFields: fields)
    }
}

/// A request's body as the client wants it.
private struct BufferSequence: AsyncSequence, Sendable {
    let body: OutgoingBody

    struct AsyncIterator: AsyncIteratorProtocol {
        var chunks: BodyChunks

        mutating func next() async throws -> ByteBuffer? { try chunks.next().map { ByteBuffer(bytes: $0) } }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(chunks: body.chunks()) }
}

extension AsyncHTTPClientTransport {
    /// What an error says about the request's arrival.
    ///
    /// `notSent` only for errors that a request can meet while it waits for its connection and not afterwards; all
    /// others, also those that mostly mean the same, are `uncertain`. Texts are our own: the client's may hold headers.
    private static func failure(_ error: any Error) -> HTTPFailure {
        switch error {
        case let failure as HTTPFailure: return failure
        case is CancellationError: return .cancelled
        case let error as HTTPClientError: return failure(error)
        case let error as NIOConnectionError:
            let nobody = error.connectionErrors.isEmpty && (error.dnsAError != nil || error.dnsAAAAError != nil)
            return nobody
                ? HTTPFailure(.notSent, .unknownHost, "the host \(error.host) is not known")
                : HTTPFailure(.notSent, .unreachable, "nothing answers at \(error.host), port \(error.port)")
        case ChannelError.connectTimeout:
            return HTTPFailure(.notSent, .unreachable, "the host did not answer in time")
        case let error as IOError where error.errnoCode == ECONNREFUSED:
            // The one code that a connection once made cannot give.
            return HTTPFailure(.notSent, .unreachable, "the host refuses connections at that port")
        case is SocketAddressError:
            return HTTPFailure(.notSent, .unknownHost, "the host is not known")
        case NIOSSLError.handshakeFailed(let cause):
            return HTTPFailure(
                .notSent, .tls, "no secure connection could be made: \(String(describing: cause).prefix(200))")
        case let error as NIOSSLExtraError where error == .failedToValidateHostname:
            return HTTPFailure(.notSent, .tls, "the certificate was made for another host")
        case NIOHTTPDecompression.DecompressionError.limit:
            return HTTPFailure(.uncertain, .tooLarge, "the answer grows beyond its limit when it is decompressed")
        case is NIOHTTPDecompression.DecompressionError, is NIOHTTPDecompression.ExtraDecompressionError:
            return HTTPFailure(.uncertain, .malformed, "the answer's compression is damaged")
        case let error as HTTPParserError where error == .invalidEOFState:
            return HTTPFailure(.uncertain, .connectionLost, "the connection was lost before the answer was complete")
        case is HTTPParserError:
            return HTTPFailure(.uncertain, .malformed, "the answer breaks the rules of HTTP")
        case is IOError, is ChannelError, is NIOSSLError, is NIOSSLExtraError:
            return HTTPFailure(.uncertain, .connectionLost, "the connection was lost before the answer was complete")
        default:
            return HTTPFailure(.uncertain, .malformed, "the answer could not be read (\(type(of: error)))")
        }
    }

    private static func failure(_ error: HTTPClientError) -> HTTPFailure {
        switch error {
        case .connectTimeout, .getConnectionFromPoolTimeout:
            HTTPFailure(.notSent, .unreachable, "the host did not answer in time")
        case .tlsHandshakeTimeout:
            HTTPFailure(.notSent, .tls, "the host did not finish the TLS handshake in time")
        case .invalidURL, .emptyHost, .emptyScheme, .traceRequestWithBody:
            HTTPFailure(.notSent, .invalidRequest, "the address cannot be requested")
        case .alreadyShutdown:
            HTTPFailure(.notSent, .cancelled, "the connections were closed already")
        case .cancelled: HTTPFailure.cancelled
        case .deadlineExceeded, .readTimeout, .writeTimeout:
            HTTPFailure(.uncertain, .timeout, "no complete answer came in time")
        case .bodyLengthMismatch, .writeAfterRequestSent:
            HTTPFailure(.uncertain, .file, "a file changed its size while it was sent")
        default:
            if error.shortDescription.hasPrefix("Invalid header field") {
                HTTPFailure(.notSent, .invalidRequest, "a header field holds characters that may not be sent")
            } else {
                HTTPFailure(.uncertain, .connectionLost, "the connection was lost before the answer was complete")
            }
        }
    }
}
