// SPDX-License-Identifier: Apache-2.0

/// A password, key or token: nothing that prints, interpolates, dumps or reflects it shows its text.
///
/// Only ``reveal()`` gives the text, so that a search for that one name finds every place where a secret is used. It
/// has no literals and no coding on purpose: a secret is read from the environment, a file or a command.
public struct Secret: Sendable, Hashable {
    private let text: String

    /// Wraps a text.
    ///
    /// What reads secrets from files takes off the line break first.
    public init(_ text: String) { self.text = text }

    /// Whether there is no text at all.
    public var isEmpty: Bool { text.isEmpty }

    /// The text itself: for the header or body that is sent, never for anything that is shown or stored.
    public func reveal() -> String { text }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Dots.
    public var description: String { "•••" }
    /// Dots.
    public var debugDescription: String { "•••" }
    /// Nothing to look into.
    public var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}
