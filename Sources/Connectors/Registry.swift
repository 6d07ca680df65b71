// SPDX-License-Identifier: Apache-2.0
internal import Dumps
package import Migration

/// All connectors: the only list of them.
///
/// A new one is a folder beside this file and a line here.
package enum Registry {
    /// The helpdesks, by their order in help and reports.
    package static let helpdesks: [Helpdesk] = [
        SmartSupport.helpdesk,
        KBSupport.helpdesk,
        SupportEngine.helpdesk,
        FluentSupport.helpdesk,
        Smartsupp.helpdesk,
    ]

    /// By their order in help and reports.
    package static let connectors: [ConnectorDescriptor] = FileConnectors.descriptors + helpdesks.map(\.descriptor)

    /// The connector of that name.
    package static func connector(_ name: String) -> ConnectorDescriptor? {
        connectors.first { $0.name == name }
    }
}
