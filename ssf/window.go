package ssf

import (
	"slices"
)

// Window is how many signals past its cursor a stream looks at. What waits behind
// them waits until those before were acknowledged, so that what is kept of a stream
// is bounded.
const Window = 256

// Outstanding returns those of the signals, which follow the cursor in order, that
// the receiver has not acknowledged.
func (st *Stream) Outstanding(signals []Signal) (out []Signal) {
	for _, s := range signals {
		if st.waits(&s) {
			out = append(out, s)
		}
	}
	return out
}

func (st *Stream) waits(s *Signal) bool {
	return s.Seq > st.Cursor && st.Delivers(s.Event) && !slices.Contains(st.Acked, s.Seq)
}

// Settle notes that the tokens with these ids need no telling any more, and moves the
// cursor past all signals of which that is true. signals follow the cursor in order.
// Ids that are not known change nothing (RFC 8936 §2.2): they may be repeated. It
// reports how many tokens were settled by this.
func (st *Stream) Settle(signals []Signal, jtis map[string]bool) (n int) {
	before := len(st.Notices)
	st.Notices = slices.DeleteFunc(st.Notices, func(n Notice) bool { return jtis[n.JTI] })
	n = before - len(st.Notices)
	for _, s := range signals {
		if len(jtis) > 0 && st.waits(&s) && jtis[st.JTI(&s)] {
			st.Acked = append(st.Acked, s.Seq)
			n++
		}
	}
	st.advance(signals)
	return n
}

// advance moves the cursor past everything that does not wait.
func (st *Stream) advance(signals []Signal) {
	for _, s := range signals {
		if st.waits(&s) {
			break
		}
		st.Cursor = max(st.Cursor, s.Seq)
	}
	st.Acked = slices.DeleteFunc(st.Acked, func(seq int64) bool { return seq <= st.Cursor })
	slices.Sort(st.Acked)
}
