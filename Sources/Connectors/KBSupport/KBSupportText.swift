// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Migration
internal import TicketModel

/// What becomes of texts on their way into KB Support, so that it can be told before they are sent.
enum KBSupportText {
    /// WordPress takes one level of backslashes off what comes by REST.
    static func slashed(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "\\")) else { return text }
        var out: [UInt8] = []
        for byte in text.utf8 {
            out.append(byte)
            if byte == UInt8(ascii: "\\") { out.append(byte) }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// What WordPress makes of ``slashed(_:)``: the text itself.
    static func unslashed(_ text: String) -> String {
        String(decoding: FluentSupportSandbox.Text.unslash(Array(text.utf8)), as: UTF8.self)
    }

    /// A tag in the form in which WordPress takes two for one: without regard to case and accents.
    static func comparable(tag: String) -> String {
        tag.folding(options: [.caseInsensitive, .diacriticInsensitive], locale: nil)
    }

    /// A file's name as it comes back.
    ///
    /// A login that may not edit sees it with WordPress's quotes and dashes: then letters and digits alone are compared.
    static func comparable(fileName: String, _ site: KBSupportSite) -> String {
        site.editsPosts ? title(fileName, site) : fileName.filter { $0.isLetter || $0.isNumber }
    }

    /// A first letter of ASCII becomes a capital: the plugin does that to titles, texts and names by REST.
    static func capitalized(_ text: String) -> String {
        var bytes = Array(text.utf8)
        guard let first = bytes.first, (0x61...0x7A).contains(first) else { return text }
        bytes[0] = first - 0x20
        return String(decoding: bytes, as: UTF8.self)
    }

    /// HTML as WordPress stores it for this login: as it is, or filtered.
    static func html(_ html: String, _ site: KBSupportSite) -> String {
        site.isUnfiltered
            ? html : String(decoding: FluentSupportSandbox.PostHTML.clean(Array(html.utf8)), as: UTF8.self)
    }

    /// A title as WordPress stores it: without blanks at its ends.
    static func title(_ title: String, _ site: KBSupportSite) -> String {
        var bytes = Array(html(title, site).utf8)[...]
        func goes(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0A, 0x0D, 0x0B, 0x00].contains(byte) }
        while let first = bytes.first, goes(first) { bytes.removeFirst() }
        while let last = bytes.last, goes(last) { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A name or a tag as WordPress stores it: one line, without tags.
    static func line(_ text: String) -> String { FluentSupportSandbox.Text.field(text) }

    /// Plain text as HTML in which line breaks count.
    static func html(text: String) -> String {
        var out: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "&"): out += "&amp;".utf8
            case UInt8(ascii: "<"): out += "&lt;".utf8
            case UInt8(ascii: ">"): out += "&gt;".utf8
            default: out.append(byte)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// What stands at the end of a text that is ours; WordPress keeps it, and `search` finds it.
    static func comment(_ key: WriteKey) -> String { "<!-- \(key.marker) -->" }

    /// The marker at the end of a text.
    static func marker(in text: String) -> (digest: String, generation: Int)? {
        guard text.hasSuffix(" -->"),
            let start = text.range(of: "<!-- ferry-", options: String.CompareOptions.backwards)
        else { return nil }
        let inner = text[start.lowerBound...].dropFirst(5).dropLast(4)
        return WriteKey.parse(marker: String(inner))
    }

    /// What a `slug` keeps of a marker.
    static func slug(_ key: WriteKey) -> String { String(key.marker.dropLast()) }
}

/// Which files WordPress takes.
enum KBSupportFile {
    private static let endings: Set<String> = Set(
        ("jpg jpeg jpe gif png bmp tiff tif webp ico heic asf asx wmv wmx wm avi divx flv mov qt mpeg mpg mpe mp4 m4v ogv "
            + "webm mkv 3gp 3gpp 3g2 3gp2 txt asc c cc h srt csv tsv ics rtx css vtt dfxp mp3 m4a m4b aac ra ram wav ogg "
            + "oga flac mid midi wma wax mka rtf pdf class tar zip gz gzip rar 7z psd xcf doc pot pps ppt wri xla xls xlt "
            + "xlw mdb mpp docx docm dotx dotm xlsx xlsm xlsb xltx xltm xlam pptx pptm ppsx ppsm potx potm ppam sldx sldm "
            + "onetoc onetoc2 onetmp onepkg oxps xps odt odp ods odg odc odb odf wp wpd key numbers pages")
            .split(separator: " ").map(String.init))

    /// Why the site will refuse a file for certain; nil where it takes it or only trying tells.
    static func refusal(of file: ResolvedFile, _ site: KBSupportSite) -> String? {
        if !site.mayUpload { return "the login may not upload files into WordPress" }
        if file.size == 0 { return "WordPress refuses empty files" }
        let parts = file.name.split(separator: ".")
        guard parts.count > 1, let ending = parts.last?.lowercased() else {
            return "WordPress refuses files without an ending"
        }
        return endings.contains(ending) ? nil : "WordPress refuses files of the type .\(ending)"
    }
}
