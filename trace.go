package sallyport

import (
	"context"
	"encoding/hex"
	"net/http"
	"strings"
)

// TraceID names the request in logs, audit entries and problem documents: the
// trace id of its traceparent header (W3C Trace Context), or one that is made when
// first asked for. Behind a gate it is the same whenever it is asked.
func TraceID(r *http.Request) string { return traceIn(r.Context(), r.Header["Traceparent"]) }

// traceIn is [TraceID] of what was said in traceparent headers.
func traceIn(ctx context.Context, traceparent []string) string {
	ps := passageFrom(ctx)
	if ps == nil {
		return traceID(traceparent)
	}
	for ps.outer != nil {
		ps = ps.outer
	}
	if id := ps.trace.Load(); id != nil {
		return *id
	}
	id := traceID(traceparent)
	ps.trace.CompareAndSwap(nil, &id)
	return *ps.trace.Load()
}

// traceID is the trace id of a well-formed traceparent header, or a new one.
func traceID(h []string) string {
	if len(h) == 1 {
		if id, ok := parseTraceparent(h[0]); ok {
			return id
		}
	}
	var id [16]byte
	random(id[:])
	var text [32]byte
	hex.Encode(text[:], id[:])
	return string(text[:])
}

// parseTraceparent reads version-trace-parent-flags (W3C Trace Context §3.2). A
// later version may have more to say behind the flags.
func parseTraceparent(h string) (trace string, ok bool) {
	const size = 2 + 1 + 32 + 1 + 16 + 1 + 2
	if len(h) < size || len(h) > size && (h[:2] == "00" || h[size] != '-') {
		return "", false
	}
	version, trace, parent, flags := h[:2], h[3:35], h[36:52], h[53:size]
	if h[2] != '-' || h[35] != '-' || h[52] != '-' || version == "ff" || allZero(trace) || allZero(parent) {
		return "", false
	}
	return trace, lowerHex(version) && lowerHex(trace) && lowerHex(parent) && lowerHex(flags)
}

func lowerHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

func allZero(s string) bool { return strings.Trim(s, "0") == "" }
