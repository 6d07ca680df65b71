// SPDX-License-Identifier: Apache-2.0

/// Where an API lies below a site.
package struct APIPath: Hashable, Sendable {
    /// The path from the site to the API, without slashes at its ends: `wp-json/help/v1`, `api`, or nothing.
    package var path: String
    /// The route that `?rest_route=` takes instead, for APIs of WordPress plugins; nil for others.
    package var route: String?

    /// An API at a path of its own.
    package static func plain(_ path: String) -> APIPath { APIPath(path: Self.tidy(path), route: nil) }

    /// The REST API of a WordPress plugin, by its namespace: it answers at `/wp-json/NAMESPACE` and, on sites without
    /// pretty links, only at `/?rest_route=/NAMESPACE`.
    package static func wordPress(_ namespace: String) -> APIPath {
        let name = tidy(namespace)
        return APIPath(path: name.isEmpty ? "wp-json" : "wp-json/\(name)", route: "/\(name)")
    }

    private static func tidy(_ path: String) -> String {
        path.split(separator: "/").joined(separator: "/")
    }
}

/// The address of a helpdesk's API, made from whatever a user typed.
///
/// `help.example.com`, `https://help.example.com/`, `…/blog/wp-json`, `…/wp-json/help/v1/`, `…/?rest_route=/` and
/// `…/wp-admin/` all name the same API as the site's plain address.
package struct BaseURL: Hashable, Sendable {
    /// The site: its scheme, host, port and folder (the path ends with a slash or with a script's name).
    package var site: EndpointURL
    /// Where the API lies below it.
    package var api: APIPath
    /// Whether routes go into `?rest_route=` instead of the path.
    ///
    /// Set from the address typed, or by who probes.
    package var usesRouteQuery: Bool

    /// The address of one endpoint of the API.
    ///
    /// - Parameters:
    ///   - path: the path below the API with its variable parts encoded by ``PercentEncoding/encode(_:keeping:)``;
    ///     slashes at its start do not matter. A trailing slash is kept.
    ///   - query: names and values, not encoded, in this order.
    /// - Returns: the address, encoded.
    package func endpoint(_ path: String, query: [(name: String, value: String)] = []) -> EndpointURL {
        build(below: api, path: path, query: query)
    }

    /// The address of something beside the API on the same site, below another API path (`.wordPress("wp/v2")`).
    package func endpoint(_ path: String, of other: APIPath, query: [(name: String, value: String)] = []) -> EndpointURL
    {
        build(below: other, path: path, query: query)
    }

    private func build(below api: APIPath, path: String, query: [(name: String, value: String)]) -> EndpointURL {
        let tail = String(path.drop { $0 == "/" })
        var url = site
        if usesRouteQuery, let route = api.route {
            let root = route == "/" ? "" : route
            // The route is a value of the query, so what the path encodes is encoded once more for it to survive.
            let whole = PercentEncoding.encode(root + "/" + PercentEncoding.decode(tail), keeping: "/")
            url.query = (["rest_route=\(whole)"] + (query.isEmpty ? [] : [PercentEncoding.query(query)]))
                .joined(separator: "&")
            return url
        }
        var folder = url.path
        if folder.hasSuffix(".php"), let slash = folder.lastIndex(of: "/") { folder = String(folder[...slash]) }
        if !folder.hasSuffix("/") { folder += "/" }
        url.path = folder + [PercentEncoding.tidy(api.path), tail].filter { !$0.isEmpty }.joined(separator: "/")
        url.query = query.isEmpty ? nil : PercentEncoding.query(query)
        return url
    }
}
