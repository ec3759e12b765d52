// Package ability is what a browser may know of a policy: what is left of it for
// one principal where only the object is open, as a small JSON document that a
// script evaluates. It serves to show and hide buttons; the server always decides.
//
// A document (version 1) is
//
//	{"v":1, "epoch":7, "exp":1800000000, "principal":{"type":"User","id":"usr_1"},
//	 "scopes":["post:*"],
//	 "types":{"Post":{"attrs":{"author":"entity:User","pinned":"bool"},"parents":{"folder":true},"org":"org_1"}},
//	 "rules":[{"effect":"permit","actions":["post:*"],"type":"Post","when":["==",["r","author"],["e","User","usr_1"]]}]}
//
// It holds no policy text, and of other people's data only what conditions compare
// with. The answer for an action on an object is yes, no, or to ask the server:
// where the browser lacks an attribute, where a rule cannot be written down, and
// once the document has expired. testdata/abilities/README.md in the root of the
// repository describes format and meaning to the letter, and the vectors beside it
// hold every client to them.
package ability
