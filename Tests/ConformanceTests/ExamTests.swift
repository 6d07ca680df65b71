// SPDX-License-Identifier: Apache-2.0
import ConformanceKit
import Testing

@Suite struct ExamTests {
    @Test(arguments: Examinee.all, Check.allCases)
    func `A connector passes the check or declares why not`(examinee: Examinee, check: Check) async {
        let result = await Exam(examinee).sit(check)
        #expect(result.isGood, "\(examinee), \(check.rawValue): \(check.sentence)\n\(result)")
    }
}
