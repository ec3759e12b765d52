// Package cedar reads what people write in the Cedar language: policies,
// schemas, entities and requests. It turns them into the words of
// [github.com/sallyport-auth/sallyport/authz/rule], which decides; Cedar's own
// interpreter runs nowhere but in our tests, where it is the oracle.
//
// Whatever is wrong with a file is an [*Error], with its place in the file, the
// reason, and where it can be told, what was probably meant. Everything that is
// wrong is reported at once, joined by [errors.Join].
//
// No text can harm the process that reads it: files have a greatest size and a
// greatest depth.
package cedar
