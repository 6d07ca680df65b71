// SPDX-License-Identifier: Apache-2.0

import Formats
import Testing
import TicketModel

@Suite struct SurveyTests {
    @Test func columnsAreCountedWithTheirValues() throws {
        let reader = try CSVReader(
            MemoryByteSource("id,status,tag,tag\n1,open,a,b\n2,open,,\n3,closed,c,\n"), diagnostics: Heard())
        var survey = Survey(valueLimit: 2)
        while let block = try reader.nextBlock() { survey.add(block) }
        #expect(survey.paths.map(\.path) == ["row", "row/id", "row/status", "row/tag"])
        #expect(survey.paths.map(\.count) == [3, 3, 3, 6])
        #expect(survey.paths[2].values == ["open": 2, "closed": 1])
        #expect(survey.paths[2].isComplete)
        #expect(!survey.paths[1].isComplete)
        #expect(survey.paths[3].filled == 3)
    }

    @Test(arguments: [1, 7, 1 << 17]) func pathsOfADocumentAreFoundWithoutSets(_ chunk: Int) throws {
        let text = "<r a='1'><t n='x'><s>open</s></t> <t n='y'><s>café</s><s/></t></r>"
        let survey = try XMLSurvey(MemoryByteSource(text, chunk: chunk)).run()
        #expect(survey.paths.map(\.path) == ["r", "r/@a", "r/t", "r/t/@n", "r/t/s"])
        #expect(survey.paths.map(\.count) == [1, 1, 2, 2, 3])
        #expect(survey.paths[4].values == ["open": 1, "café": 1])
        #expect(survey.paths[4].filled == 2)
        #expect(survey.paths[4].longest == 5)
    }

    @Test func longTextsAreCutBetweenCharacters() throws {
        let survey = try XMLSurvey(
            MemoryByteSource("<r>\(String(repeating: "é", count: 100))</r>"), survey: Survey(lengthLimit: 5)
        ).run()
        #expect(survey.paths[0].values == ["éé": 1])
        #expect(survey.paths[0].longest == 200)
    }

    @Test func aBrokenDocumentIsAnError() throws {
        #expect(throws: Diagnostic.self) { try XMLSurvey(MemoryByteSource("<r><x>")).run() }
    }
}
