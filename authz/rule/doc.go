// Package rule is what a rule's condition means. A condition is one typed tree
// with four back ends: closures that decide, the residual when the resource is
// not known yet, SQL that selects the resources, and JSON for the browser.
//
// Truth is a pair, as Cedar evaluates from left to right: a condition surely
// holds, surely does not, or neither. A permit fires where its condition surely
// holds; a forbid fires unless its condition surely does not. The latter is the
// one difference from Cedar, which drops a forbid that errs, and so allows.
package rule
