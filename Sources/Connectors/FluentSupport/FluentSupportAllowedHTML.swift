// SPDX-License-Identifier: Apache-2.0

/// What WordPress leaves in posts, as far as e-mails and helpdesks use it.
///
/// Narrower than the site's own list is safe (a loss is named); wider is found out by the hash of what was stored.
enum FluentSupportAllowedHTML {
    /// Attributes that every element may have.
    static let everywhere: Set<String> = [
        "aria-describedby", "aria-details", "aria-label", "aria-labelledby", "aria-hidden", "class", "id", "style",
        "title", "role", "dir", "lang", "xml:lang",
    ]

    /// Elements with the attributes of their own.
    static let elements: [String: Set<String>] = {
        var out: [String: Set<String>] = [:]
        let plain =
            "abbr acronym address article aside b big br center cite code dd dfn dl dt em fieldset figure figcaption footer "
            + "h1 h2 h3 h4 h5 h6 header hgroup hr i kbd label legend main mark menu nav p pre rp rt rtc ruby s samp section "
            + "small span strike strong sub summary sup time tt u var div ul ol li table thead tbody tfoot tr td th caption "
            + "col colgroup a img audio video track blockquote bdo button del ins details font map area q textarea"
        for name in plain.split(separator: " ") { out[String(name)] = [] }
        for name in ["h1", "h2", "h3", "h4", "h5", "h6", "p", "div", "hr"] { out[name] = ["align"] }
        out["hr"] = ["align", "noshade", "size", "width"]
        out["a"] = ["href", "rel", "rev", "name", "target", "download"]
        out["img"] = [
            "alt", "align", "border", "height", "hspace", "loading", "longdesc", "vspace", "src", "usemap", "width",
        ]
        out["blockquote"] = ["cite"]
        out["q"] = ["cite"]
        out["del"] = ["datetime"]
        out["ins"] = ["datetime", "cite"]
        out["font"] = ["color", "face", "size"]
        out["ol"] = ["start", "type", "reversed"]
        out["ul"] = ["type"]
        out["li"] = ["align", "value"]
        out["pre"] = ["width"]
        out["table"] = ["align", "bgcolor", "border", "cellpadding", "cellspacing", "rules", "summary", "width"]
        let row: Set<String> = ["align", "valign", "char", "charoff"]
        for name in ["thead", "tbody", "tfoot"] { out[name] = row }
        out["tr"] = row.union(["bgcolor"])
        let cell = row.union([
            "abbr", "axis", "bgcolor", "colspan", "headers", "height", "nowrap", "rowspan", "scope", "width",
        ])
        out["td"] = cell
        out["th"] = cell
        out["col"] = row.union(["span", "width"])
        out["colgroup"] = out["col"]
        out["caption"] = ["align"]
        out["details"] = ["align", "open"]
        out["audio"] = ["autoplay", "controls", "loop", "muted", "preload", "src"]
        out["video"] = [
            "autoplay", "controls", "height", "loop", "muted", "playsinline", "poster", "preload", "src", "width",
        ]
        out["bdo"] = ["dir"]
        out["label"] = ["for"]
        out["button"] = ["disabled", "name", "type", "value"]
        return out
    }()

    /// Attributes that hold addresses.
    static let addresses: Set<String> = ["href", "src", "cite", "longdesc", "poster", "usemap", "background"]

    /// Schemes that addresses may have.
    static let schemes: Set<String> = [
        "http", "https", "ftp", "ftps", "mailto", "news", "irc", "gopher", "nntp", "feed", "telnet", "mms", "rtsp",
        "sms",
        "svn", "tel", "fax", "xmpp", "webcal", "urn",
    ]

    /// Properties of styles that stay.
    private static let properties: Set<String> = {
        var out = Set(
            ("background background-color border border-collapse border-color border-radius border-spacing border-style "
                + "border-width caption-side clear color cursor direction float font font-family font-size font-style "
                + "font-variant font-weight height letter-spacing line-height list-style-type margin max-height max-width "
                + "min-height min-width overflow padding text-align text-decoration text-indent text-transform "
                + "vertical-align width").split(separator: " ").map(String.init))
        for side in ["top", "right", "bottom", "left"] {
            for name in ["margin-\(side)", "padding-\(side)", "border-\(side)"] { out.insert(name) }
            for part in ["color", "style", "width"] { out.insert("border-\(side)-\(part)") }
        }
        return out
    }()

    /// The declarations of a style that stay, in WordPress's spelling.
    ///
    /// What needs an eye (functions, references, escapes) goes.
    static func style(_ value: [UInt8], dropped: inout Set<String>) -> [UInt8] {
        var kept: [String] = []
        for part in String(decoding: value, as: UTF8.self).split(separator: ";") {
            let item = part.trimmingBlanks
            if item.isEmpty { continue }
            let halves = item.split(separator: ":", maxSplits: 1)
            let name = halves[0].trimmingBlanks.lowercased()
            let isPlain = item.utf8.allSatisfy { $0 >= 0x20 && !"\\(&=}<>@".utf8.contains($0) } && !item.contains("/*")
            if halves.count == 2, isPlain, properties.contains(name) {
                kept.append(item)
            } else {
                dropped.insert(String(name.prefix(40)))
            }
        }
        return Array(kept.joined(separator: ";").utf8)
    }

    /// Names of characters that WordPress knows: those of HTML 4, and `apos`.
    static let entities: Set<String> = Set(
        ("nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn acute micro para middot "
            + "cedil ordm raquo iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave "
            + "Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute "
            + "THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc "
            + "iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml quot "
            + "amp lt gt apos OElig oelig Scaron scaron Yuml circ tilde ensp emsp thinsp zwnj zwj lrm rlm ndash mdash lsquo "
            + "rsquo sbquo ldquo rdquo bdquo dagger Dagger permil lsaquo rsaquo euro fnof Alpha Beta Gamma Delta Epsilon Zeta "
            + "Eta Theta Iota Kappa Lambda Mu Nu Xi Omicron Pi Rho Sigma Tau Upsilon Phi Chi Psi Omega alpha beta gamma delta "
            + "epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigmaf sigma tau upsilon phi chi psi omega "
            + "thetasym upsih piv bull hellip prime Prime oline frasl weierp image real trade alefsym larr uarr rarr darr harr "
            + "crarr lArr uArr rArr dArr hArr forall part exist empty nabla isin notin ni prod sum minus lowast radic prop "
            + "infin ang and or cap cup int sim cong asymp ne equiv le ge sub sup nsub sube supe oplus otimes perp sdot lceil "
            + "rceil lfloor rfloor lang rang loz spades clubs hearts diams sup1 sup2 sup3 frac14 frac12 frac34 there4")
            .split(separator: " ").map(String.init))
}

extension StringProtocol {
    /// Without blanks at its ends.
    var trimmingBlanks: String {
        let isBlank: (Character) -> Bool = { $0.isWhitespace }
        var text = self[...].drop(while: isBlank)
        while let last = text.last, isBlank(last) { text.removeLast() }
        return String(text)
    }
}
