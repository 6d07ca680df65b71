// SPDX-License-Identifier: Apache-2.0

extension FluentSupportSandbox {
    /// What WordPress lets pass in the HTML of posts: names only, as WordPress 6.1 gives them when asked.
    enum AllowedHTML {
        /// The attributes of each element; those that all elements have are in ``everywhere``.
        static let elements: [String: Set<String>] = {
            var elements: [String: Set<String>] = [:]
            for (names, attributes) in groups {
                for name in words(names) { elements[name] = Set(words(attributes)) }
            }
            return elements
        }()

        /// The attributes that every element may have, `data-*` apart.
        static let everywhere = Set(
            words(
                "aria-describedby aria-details aria-hidden aria-label aria-labelledby class dir id lang role style title "
                    + "xml:lang"))

        /// The attributes that hold an address.
        static let addresses = Set(
            words(
                "action archive background cite classid codebase data formaction href "
                    + "icon longdesc manifest poster profile src usemap xmlns"))

        /// The schemes that an address may have.
        static let schemes = Set(
            words(
                "http https ftp ftps mailto news irc irc6 ircs gopher nntp feed telnet mms rtsp sms svn tel fax xmpp webcal urn"
            ))

        /// The properties that a style may set.
        static let styles = Set(
            words(
                """
                align-content align-items align-self background background-attachment background-blend-mode
                background-color background-image background-position background-size border border-bottom
                border-bottom-color border-bottom-left-radius border-bottom-right-radius border-bottom-style
                border-bottom-width border-collapse border-color border-left border-left-color border-left-style
                border-left-width border-radius border-right border-right-color border-right-style border-right-width
                border-spacing border-style border-top border-top-color border-top-left-radius border-top-right-radius
                border-top-style border-top-width border-width caption-side clear color column-count column-fill
                column-gap column-rule column-span column-width columns cursor direction filter flex flex-basis
                flex-direction flex-flow flex-grow flex-shrink flex-wrap float font font-family font-size font-style
                font-variant font-weight gap grid-auto-columns grid-auto-rows grid-column-end grid-column-gap
                grid-column-start grid-gap grid-row-end grid-row-gap grid-row-start grid-template-columns
                grid-template-rows height justify-content justify-items justify-self letter-spacing line-height
                list-style-type margin margin-block-end margin-block-start margin-bottom margin-inline-end
                margin-inline-start margin-left margin-right margin-top max-height max-width min-height min-width
                object-fit object-position overflow padding padding-block-end padding-block-start padding-bottom
                padding-inline-end padding-inline-start padding-left padding-right padding-top row-gap text-align
                text-decoration text-indent text-transform vertical-align width
                """))

        /// The entities that have a name.
        static let entities = Set(
            words(
                """
                nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn acute
                micro para middot cedil ordm raquo iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave
                Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash
                Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave
                eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash
                ugrave uacute ucirc uuml yacute thorn yuml quot amp lt gt apos OElig oelig Scaron scaron Yuml circ
                tilde ensp emsp thinsp zwnj zwj lrm rlm ndash mdash lsquo rsquo sbquo ldquo rdquo bdquo dagger Dagger
                permil lsaquo rsaquo euro fnof Alpha Beta Gamma Delta Epsilon Zeta Eta Theta Iota Kappa Lambda Mu Nu Xi
                Omicron Pi Rho Sigma Tau Upsilon Phi Chi Psi Omega alpha beta gamma delta epsilon zeta eta theta iota
                kappa lambda mu nu xi omicron pi rho sigmaf sigma tau upsilon phi chi psi omega thetasym upsih piv bull
                hellip prime Prime oline frasl weierp image real trade alefsym larr uarr rarr darr harr crarr lArr uArr
                rArr dArr hArr forall part exist empty nabla isin notin ni prod sum minus lowast radic prop infin ang
                and or cap cup int sim cong asymp ne equiv le ge sub sup nsub sube supe oplus otimes perp sdot lceil
                rceil lfloor rfloor lang rang loz spades clubs hearts diams sup1 sup2 sup3 frac14 frac12 frac34 there4
                """))

        private static let groups: [(String, String)] = [
            ("a", "download href name rel rev target"),
            ("area", "alt coords href nohref shape target"),
            (
                "article aside caption div figure figcaption footer h1 h2 h3 h4 h5 h6 header hgroup legend main "
                    + "nav p span section summary",
                "align"
            ),
            ("audio", "autoplay controls loop muted preload src"),
            ("blockquote q", "cite"),
            ("button", "disabled name type value"),
            ("col colgroup", "align char charoff span valign width"),
            ("del", "datetime"),
            ("details", "align open"),
            ("font", "color face size"),
            ("hr", "align noshade size width"),
            ("img", "align alt border height hspace loading longdesc src usemap vspace width"),
            ("ins", "cite datetime"),
            ("label", "for"),
            ("li", "align value"),
            ("map", "name"),
            ("menu ul", "type"),
            ("ol", "reversed start type"),
            ("pre", "width"),
            ("table", "align bgcolor border cellpadding cellspacing rules summary width"),
            ("tbody tfoot thead", "align char charoff valign"),
            ("td th", "abbr align axis bgcolor char charoff colspan headers height nowrap rowspan scope valign width"),
            ("textarea", "cols disabled name readonly rows"),
            ("tr", "align bgcolor char charoff valign"),
            ("track", "default kind label src srclang"),
            ("video", "autoplay controls height loop muted playsinline poster preload src width"),
            (
                "address abbr acronym b bdo big br cite code dd dfn dl dt em fieldset i kbd mark rb rp rt rtc "
                    + "ruby s samp small strike strong sub sup title tt u var",
                ""
            ),
        ]

        private static func words(_ text: String) -> [String] {
            text.split { $0 == " " || $0 == "\n" }.map(String.init)
        }
    }
}
