package events

import (
	"context"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/revoke"
)

// Enter adds a stream without a connection, which hangs on ids, and returns what it
// is told from then on, and how to leave.
func (st *Streams) Enter(subject string, ids revoke.IDs) (told func() string, leave func(), err error) {
	s, err := st.enter(context.Background(), &sallyport.Principal{Kind: sallyport.User, Subject: subject}, nil)
	if err != nil {
		return nil, nil, err
	}
	st.hang(s, ids)
	told = func() (text string) {
		n := st.take(s)
		if n&doubt != 0 {
			text = "doubt "
		}
		for _, name := range n.names() {
			text += name + " "
		}
		return text
	}
	return told, func() { st.leave(s) }, nil
}

// Empty reports whether nothing is left of any stream.
func (st *Streams) Empty() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return len(st.open)+len(st.named)+len(st.count) == 0
}
