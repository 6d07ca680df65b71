// SPDX-License-Identifier: Apache-2.0

import CLibXML2

extension XMLPushParser {
    private static func with(_ pointer: UnsafeMutableRawPointer?, _ body: (XMLPushParser) -> Void) {
        guard let pointer else { return }
        Unmanaged<XMLPushParser>.fromOpaque(pointer)._withUnsafeGuaranteedRef(body)
    }

    static func makeHandler() -> xmlSAXHandler {
        var handler = xmlSAXHandler()
        handler.initialized = UInt32(XML_SAX2_MAGIC)
        handler.startElementNs = { data, local, prefix, uri, _, _, count, _, attributes in
            guard let local else { return }
            XMLPushParser.with(data) { $0.started(local, prefix, uri, attributes, count) }
        }
        handler.endElementNs = { data, _, _, _ in XMLPushParser.with(data) { $0.ended() } }
        let characters: charactersSAXFunc = { data, text, count in
            guard let text else { return }
            XMLPushParser.with(data) { if $0.failure == nil { $0.characters(text, Int(count)) } }
        }
        // One function for both: libxml2 then does not look whether white space matters.
        handler.characters = characters
        handler.ignorableWhitespace = characters
        handler.cdataBlock = { data, text, count in
            guard let text else { return }
            XMLPushParser.with(data) { if $0.failure == nil { $0.section(text, Int(count)) } }
        }
        handler.entityDecl = { data, name, _, _, _, _ in XMLPushParser.with(data) { $0.refuseEntity(name) } }
        handler.unparsedEntityDecl = { data, name, _, _, _ in XMLPushParser.with(data) { $0.refuseEntity(name) } }
        handler.attributeDecl = { data, _, _, _, _, value, values in
            xmlFreeEnumeration(values)
            if value != nil { XMLPushParser.with(data) { $0.refuseDefaults() } }
        }
        handler.reference = { data, name in XMLPushParser.with(data) { $0.unknownEntity(name) } }
        handler.resolveEntity = { _, _, _ in nil }
        handler.serror = { data, error in
            guard let error else { return }
            XMLPushParser.with(data) { $0.reported(error.pointee) }
        }
        return handler
    }
}
