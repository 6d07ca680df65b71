// SPDX-License-Identifier: Apache-2.0
import ShippedMappings
import TicketModel

/// The mappings inside the tool.
package enum ShippedMapping {
    /// Their names, sorted.
    package static let names = ShippedMappings.all.keys.sorted()

    /// The YAML of one; nil for a name that is none.
    package static func yaml(_ name: String) -> [UInt8]? { ShippedMappings.all[name] }

    /// One, decoded.
    ///
    /// - Throws: `Diagnostic` `mapping.unknown` with the nearest name.
    package static func named(_ name: String) throws -> MappingFile {
        guard let yaml = yaml(name) else {
            let near = EditDistance.nearest(to: name, in: names).map { "did you mean `\($0)`? " } ?? ""
            throw Diagnostic(
                code: "mapping.unknown", "there is no shipped mapping `\(name)`",
                remedy: near + "shipped: \(names.joined(separator: ", ")); a mapping of your own is named by its path")
        }
        return try MappingFile(yaml: yaml, file: "\(name).yaml")
    }
}
