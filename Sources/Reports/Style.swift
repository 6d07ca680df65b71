// SPDX-License-Identifier: Apache-2.0

/// Colours, or none: off when the stream is no terminal, with `--no-color` and with `NO_COLOR`.
package struct Style: Sendable {
    private let on: Bool

    /// A style that colours, or one that leaves text alone.
    package init(colours: Bool) { self.on = colours }

    /// Headings and the figure that counts.
    package func bold(_ text: String) -> String { wrap(text, "1") }
    /// What matters less.
    package func dim(_ text: String) -> String { wrap(text, "2") }
    /// Done and safe.
    package func green(_ text: String) -> String { wrap(text, "32") }
    /// Look here.
    package func yellow(_ text: String) -> String { wrap(text, "33") }
    /// Failed.
    package func red(_ text: String) -> String { wrap(text, "31") }

    private func wrap(_ text: String, _ code: String) -> String {
        on ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}
