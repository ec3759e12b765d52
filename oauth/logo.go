package oauth

import (
	"bytes"
	"context"
	"errors"
	"image/png"
)

// Bounds of a logo.
const (
	maxLogo     = 32 << 10 // bytes: it is written in base64 into a page, and into a body of our API
	maxLogoSide = 512      // pixels
)

// DrawLogo returns a picture of a client as it is kept: a PNG that is drawn anew from the
// pixels of one, so that nothing else which the file may hold gets to anybody. Why it
// cannot be a logo is a *FieldError.
func DrawLogo(file []byte) ([]byte, error) {
	if len(file) > maxLogo {
		return nil, wrong("logo", "has %d bytes, and may have %d", len(file), maxLogo)
	}
	size, err := png.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return nil, wrong("logo", "is no PNG picture")
	}
	if size.Width > maxLogoSide || size.Height > maxLogoSide { // before it is unpacked: a small file can hold a picture that fills the memory
		return nil, wrong("logo", "has %d × %d pixels, and may have %d × %d", size.Width, size.Height, maxLogoSide, maxLogoSide)
	}
	picture, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, wrong("logo", "is a damaged PNG picture")
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, picture); err != nil {
		return nil, wrong("logo", "cannot be drawn")
	}
	if b.Len() > maxLogo {
		return nil, wrong("logo", "has %d bytes once it is drawn anew, and may have %d: make it smaller", b.Len(), maxLogo)
	}
	return b.Bytes(), nil
}

// Logos keeps pictures of clients within one transaction.
type Logos interface {
	Put(ctx context.Context, client string, image []byte) error
	Of(ctx context.Context, client string) ([]byte, error) // ErrNoLogo
	Remove(ctx context.Context, client string) (bool, error)
}

// ErrNoLogo means that a client has no picture.
var ErrNoLogo = errors.New("the client has no logo")
