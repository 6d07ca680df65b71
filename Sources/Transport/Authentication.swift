// SPDX-License-Identifier: Apache-2.0
internal import Foundation
package import HTTPTypes
package import TicketModel

/// How a client says who it is.
///
/// It is sent to the API's own origin and nowhere else.
package enum Authentication: Sendable, Hashable {
    case none
    /// `Authorization: Basic …`, in UTF-8.
    case basic(user: String, Secret)
    /// `Authorization: Bearer …`.
    case bearer(Secret)
    /// A header of the API's own.
    case header(HTTPField.Name, Secret)

    /// The field that is sent; nil for none.
    var field: HTTPField? {
        switch self {
        case .none: nil
        case .basic: HTTPField(name: .authorization, value: "Basic \(basicToken)")
        case .bearer(let token): HTTPField(name: .authorization, value: "Bearer \(token.reveal())")
        case .header(let name, let secret): HTTPField(name: name, value: secret.reveal())
        }
    }

    /// Everything that must not be shown: also `user:password`, of which the header's token is the Base64.
    var secrets: [Secret] {
        switch self {
        case .none: []
        case .basic(let user, let password): [password, Secret("\(user):\(password.reveal())")]
        case .bearer(let secret), .header(_, let secret): [secret]
        }
    }

    private var basicToken: String {
        guard case .basic(let user, let password) = self else { return "" }
        return Data("\(user):\(password.reveal())".utf8).base64EncodedString()
    }
}
