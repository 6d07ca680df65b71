// SPDX-License-Identifier: Apache-2.0

/// The YAML of the mappings inside the tool, by name.
package enum ShippedMappings {
    /// By the file's name without its ending.
    package static let all: [String: [UInt8]] = [
        "fluent-support-mysqldump": PackageResources.fluent_support_mysqldump_yaml,
        "kb-support-csv": PackageResources.kb_support_csv_yaml,
        "kb-support-to-fluent-support": PackageResources.kb_support_to_fluent_support_yaml,
        "kb-support-wxr": PackageResources.kb_support_wxr_yaml,
        "ticketferry-csv": PackageResources.ticketferry_csv_yaml,
        "ticketferry-xml": PackageResources.ticketferry_xml_yaml,
        "tickets-csv": PackageResources.tickets_csv_yaml,
    ]
}
