package openapi

var resources = group{
	tag: "resources",
	says: "Services that tokens can be for (RFC 8707), this one among them, and what people read of their scopes when a client asks for them. " +
		"Nobody can say what a scope means that is a permission which they do not hold.",
	operations: []operation{
		{
			route: "GET {base}/admin/api/resources", id: "resources", summary: "List defined resources",
			query:   paging,
			answers: []answer{shows(200, pageOf(ref("Resource")), "One page, by URI.")},
		},
		{
			route: "GET {base}/admin/api/resource", id: "resource", summary: "Show a resource",
			query:   ofResource,
			answers: []answer{shows(200, ref("Resource"), "The resource.").with("ETag", "Of this version.")},
			refuses: []refusal{notFound},
		},
		{
			route: "PUT {base}/admin/api/resource", id: "putResource", summary: "Define a resource", query: ofResource, headers: ifMatch,
			says: "In place of all that was defined. Its words count from the next page on, its algorithm from the next token on; a key for it is there before the answer is.",
			body: read(body(append(defined,
				may("resource", text.says("The one in the address.")),
				may("created_at", text.says("Makes no difference.")),
				may("updated_at", text.says("Makes no difference.")))...)),
			answers: []answer{shows(200, ref("Resource"), "The resource as it is now.").with("ETag", "Of this version.")},
			refuses: []refusal{stale},
		},
		{
			route: "DELETE {base}/admin/api/resource", id: "deleteResource", summary: "End a resource", query: ofResource, headers: ifMatch,
			says:    "No further token is for it, at a refresh either: `invalid_target`. One of the settings, and this server, lose their words and stay.",
			answers: []answer{done("Gone.")},
			refuses: []refusal{notFound, stale},
		},
	},
	schemas: ordered[schema]{
		{"Resource", object(append([]property{
			must("resource", text), must("created_at", moment), must("updated_at", moment),
		}, always(defined, "signing_alg", "scopes")...)...)},
		{"ResourceScope", body(
			must("scope", text.says("None of OpenID Connect, which have words already.")),
			must("description", text.says("For people who are asked for it, in up to 200 characters: `to read your notes`.")),
		)},
	},
}

var ofResource = []parameter{needed("uri", text.says("Its URI, such as `https://api.example.com`: the audience of its tokens."))}

// defined is what is defined of a resource.
var defined = []property{
	must("name", text.says("For people.")),
	may("signing_alg", oneOf("EdDSA", "ES256", "RS256", "PS256", "HS256").says("Of its access tokens. Left out: that of the settings. This server, and what the settings give keys of its own, have theirs; `HS256` is for those alone.")),
	may("scopes", listOf(ref("ResourceScope")).says("Left out: none.")),
}
