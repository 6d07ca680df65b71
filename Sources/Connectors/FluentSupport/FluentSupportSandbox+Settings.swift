// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sandbox
import TicketModel

extension FluentSupportSandbox {
    /// The business settings as they stand.
    var business: JSON {
        guard let option = state.options[Option.business], let saved = try? JSON(parsing: option.json) else {
            return Self.standardBusiness
        }
        var settings = Self.standardBusiness
        for member in saved.members ?? [] { settings[member.key] = member.value }
        return settings
    }

    private static let standardBusiness: JSON = [
        "portal_page_id": "",
        "login_message":
            "<p>Please login or create an account to access the Customer Support Portal</p> [fluent_support_auth]",
        "disable_public_ticket": "no", "accepted_file_types": ["images", "csv", "documents", "zip", "json"],
        "max_file_size": 2, "max_file_upload": 3, "del_files_on_close": "no", "enable_admin_bar_summary": "no",
        "enable_draft_mode": "no", "agent_feedback_rating": "no", "keyboard_shortcuts": "yes",
    ]

    /// Everything under `/settings`.
    func settings(_ call: Call, _ parts: [String]) throws -> JSON {
        try require(call, "fst_manage_settings")
        switch (call.request.method, parts.first, parts.count) {
        case ("GET", nil, 0): return readSettings(call)
        case ("POST", nil, 0): return saveSettings(call)
        case ("GET", "integration-settings", 1): return []
        case ("GET", "integration-statuses", 1):
            guard call.user?.isAdministrator == true else { throw Failure.forbidden(loggedIn: true) }
            let folder = "\(call.site)/wp-content/plugins/fluent-support/assets/images/icons/integrations"
            let all = Self.integrations.map { key, title in
                JSON.Member(
                    key,
                    [
                        "title": .string(title), "logo": .string("\(folder)/\(key).png"), "is_integrated": false,
                        "description": "", "doc_url": "",
                    ])
            }
            return ["connections": .object(all)]
        default: throw Failure.noRoute
        }
    }

    private func readSettings(_ call: Call) -> JSON {
        guard call.field("settings_key") == "global_business_settings" else { return ["settings": []] }
        // What the form for these settings looks like; of use to a migration are the kinds of files alone.
        let fields: JSON = [
            "accepted_file_types": [
                "type": "checkbox-group",
                "options": ["images": "Photos", "csv": "CSV", "documents": "PDF/Docs", "zip": "Zip", "json": "JSON"],
            ]
        ]
        return ["settings": business, "fields": fields]
    }

    /// `POST /settings` replaces the whole set: what is left out gets its default, but no file type is accepted when
    /// none is named.
    ///
    /// HTML goes from every text.
    private func saveSettings(_ call: Call) -> JSON {
        func cleaned(_ value: JSON) -> JSON {
            switch value {
            case .array(let elements): .array(elements.map(cleaned))
            case .object(let members): .object(members.map { .init($0.key, cleaned($0.value)) })
            default: .string(Text.field(Text.string(Text.unslash(Array((value.plainText ?? "").utf8)))))
            }
        }
        guard call.field("settings_key") == "global_business_settings" else {
            return ["message": "Settings has been updated"]
        }
        var saved = cleaned(call["settings"] ?? .object([]))
        if saved.members == nil { saved = .object([]) }
        if saved["accepted_file_types"]?.phpTruth != true { saved["accepted_file_types"] = [] }
        let text = saved.canonicalText
        state.options[Option.business] = Option(id: Option.business, json: text)
        return ["message": "Settings has been updated"]
    }

    /// Everything under `/products`.
    func products(_ call: Call, _ parts: [String]) throws -> JSON {
        try require(call, "fst_manage_settings")
        switch (call.request.method, parts.first.flatMap { Int($0) }, parts.count) {
        case ("GET", nil, 0):
            let pattern = Like(call.field("search") ?? "")
            let rows = state.products.all.filter { pattern.matches($0.title) }.sorted { $0.id > $1.id }
            return [
                "products": try paginate(
                    rows, call, path: "products", table: "wp_fs_products", order: "", shape: { shape($0) })
            ]
        case ("POST", nil, 0):
            let title = call.field("title") ?? ""
            guard !title.isEmpty else { throw Failure.invalid("title", "required", "Title is required") }
            let description = call.field("description")
            let now = localNow
            let product = state.products.insert {
                Product(id: $0, title: title, description: description, createdAt: now)
            }
            return ["message": "Product has been successfully created", "product": shape(product)]
        case ("GET", let id?, 1):
            guard let product = state.products[id] else { throw Failure.notFound("Product", String(id)) }
            return ["product": shape(product)]
        case ("PUT", let id?, 1):
            guard var product = state.products[id] else { throw Failure.notFound("Product", String(id)) }
            if let title = call.field("title") { product.title = title }
            if let description = call.field("description") { product.description = description }
            state.products[id] = product
            return ["message": "Product has been updated", "product": shape(product)]
        case ("DELETE", let id?, 1):
            // Whether it was there is not asked.
            state.products[id] = nil
            return ["message": "Product has been deleted"]
        default: throw Failure.noRoute
        }
    }

    private static let integrations: [(String, String)] = [
        ("woocommerce", "WooCommerce"),
        ("fluent-cart", "FluentCart"),
        ("lifter-lms", "LifterLMS"),
        ("slack", "Slack"),
        ("pm-pro", "Paid Memberships Pro"),
        ("tutor-lms", "Tutor LMS"),
        ("telegram", "Telegram"),
        ("fluent-crm", "FluentCRM"),
        ("fluent-community", "FluentCommunity"),
        ("fluent-forms", "Fluent Forms"),
        ("buddy-boss", "BuddyBoss"),
        ("discord", "Discord"),
        ("wishlist-member", "WishList Member"),
        ("easy-digital-downloads", "Easy Digital Downloads"),
        ("restrict-content-pro", "Restrict Content pro"),
        ("better-docs", "BetterDocs"),
        ("whatsapp", "WhatsApp"),
        ("paymattic", "Paymattic"),
        ("learn-dash", "LearnDash"),
        ("learn-press", "LearnPress"),
        ("google-drive", "Google Drive"),
        ("dropbox", "Dropbox"),
        ("member-press", "MemberPress"),
        ("google-recaptcha", "Google reCAPTCHA"),
        ("fluent-boards", "FluentBoards"),
    ]
}
