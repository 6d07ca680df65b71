// SPDX-License-Identifier: Apache-2.0

import Formats
import Synchronization
import TicketModel

/// Keeps the diagnostics that a test's reader emits.
final class Heard: DiagnosticSink {
    private let said = Mutex<[Diagnostic]>([])
    func emit(_ diagnostic: Diagnostic) { said.withLock { $0.append(diagnostic) } }
    var codes: [String] { said.withLock { $0.map(\.code) } }
    var all: [Diagnostic] { said.withLock { $0 } }
}

/// A record as tests like to look at it.
struct Tree: Equatable, CustomStringConvertible {
    var name: String
    var text: String
    var children: [Tree] = []
    var description: String { "\(name)=\(text.debugDescription)" + (children.isEmpty ? "" : " \(children)") }

    init(_ name: String, _ text: String = "", _ children: [Tree] = []) {
        self.name = name
        self.text = text
        self.children = children
    }

    init(_ block: RecordBlock, _ index: UInt32) {
        let node = block.nodes[Int(index)]
        name = block.names[Int(node.name)]
        text = block.text(of: node)
        var child = node.firstChild
        while child != RecordBlock.Node.none {
            children.append(Tree(block, child))
            child = block.nodes[Int(child)].next
        }
    }
}

extension RecordReader {
    /// All records as trees, with the set and the place of each.
    func all() throws -> [(set: Int, tree: Tree, line: Int, column: Int, around: [Tree])] {
        var found: [(set: Int, tree: Tree, line: Int, column: Int, around: [Tree])] = []
        while let block = try nextBlock() {
            for record in block.records {
                var around: [Tree] = []
                var parent = block.nodes[Int(record.root)].parent
                while parent != RecordBlock.Node.none {
                    around.append(Tree(block, parent))
                    parent = block.nodes[Int(parent)].parent
                }
                found.append(
                    (Int(record.set), Tree(block, record.root), Int(record.line), Int(record.column), around))
            }
        }
        return found
    }
}
