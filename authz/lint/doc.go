// Package lint is what people do with a policy before it is in force: check it for
// mistakes, test it by a table of cases, see who may do what as a matrix, and what
// a change to it changes. Nothing here decides about a request.
package lint
