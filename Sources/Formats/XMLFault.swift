// SPDX-License-Identifier: Apache-2.0

import CLibXML2
import TicketModel

/// An error of libxml2 with what is known about it, to be put into words for an admin.
struct XMLFault {
    var code: Int32
    var message: String
    var openElement: String?
    var records: Int
    /// Whether the file simply stops.
    var isCutOff: Bool
    /// Where the parser stands.
    var place: SourceLocation
    /// Where the input ends, as far as it was read.
    var end: SourceLocation

    /// What libxml2 says of a document that ends inside of something.
    static let endings: Set<Int32> = Set(
        [
            XML_ERR_DOCUMENT_END, XML_ERR_TAG_NOT_FINISHED, XML_ERR_CDATA_NOT_FINISHED, XML_ERR_COMMENT_NOT_FINISHED,
            XML_ERR_PI_NOT_FINISHED, XML_ERR_ATTRIBUTE_NOT_FINISHED, XML_ERR_HYPHEN_IN_COMMENT,
        ].map { Int32($0.rawValue) })

    var diagnostic: Diagnostic {
        if isCutOff {
            let count = records == 1 ? "1 record" : "\(records) records"
            let inside = openElement.map { "the element `\($0)`" } ?? "a tag"
            return Diagnostic(
                code: "xml.cut-off", "the file ends in the middle of \(inside), after \(count)", at: end,
                remedy: "the export or its download was cut off: export it again")
        }
        let said = message.split(separator: "\n").first.map(String.init) ?? "not well-formed"
        switch code {
        case Int32(XML_ERR_UNDECLARED_ENTITY.rawValue), Int32(XML_WAR_UNDECLARED_ENTITY.rawValue):
            return Diagnostic(
                code: "xml.undeclared-entity", "an entity is not one of the five of XML: \(said)", at: place,
                remedy: "replace it by the character itself, or by `&#…;`")
        case Int32(XML_ERR_INVALID_ENCODING.rawValue), Int32(XML_ERR_UNSUPPORTED_ENCODING.rawValue),
            Int32(XML_ERR_UNKNOWN_ENCODING.rawValue), Int32(XML_I18N_CONV_FAILED.rawValue):
            return Diagnostic(
                code: "xml.encoding", "the bytes here are not in the encoding that the file declares: \(said)",
                at: place,
                remedy:
                    "say the encoding that the file was written in, for instance `encoding: windows-1252`, in the mapping"
            )
        case Int32(XML_ERR_INVALID_CHAR.rawValue):
            return Diagnostic(
                code: "xml.invalid-character", "a character that XML does not allow: \(said)", at: place,
                remedy: "remove the control character from the ticket in the old system, or from the file")
        default:
            return Diagnostic(
                code: "xml.malformed", "not well-formed: \(said)", at: place,
                remedy: "look at the place: an unescaped `<` or `&`, or a tag that is not closed; "
                    + "repair it, or export again")
        }
    }
}
