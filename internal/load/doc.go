// Package load measures HTTP servers beside each other, for benchmarks. Each server is a process of its own; all share the last
// processor, and one at a time gets requests, which come from the processors before it. So a difference between two servers is one of
// what they do, whatever else happens on the machine. Every status and every body is checked. It works on Linux.
package load
