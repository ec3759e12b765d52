package passkey

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// makers are the names of those devices that say which they are, by AAGUID. Most
// passkeys are in one of these.
var makers = map[string]string{
	"ea9b8d664d011d213ce4b6b48cb575d4": "Google Password Manager",
	"adce000235bcc60a648b0b25f1f05503": "Chrome on Mac",
	"fbfc3007154e4ecc8c0b6e020557d7bd": "iCloud Keychain",
	"dd4ec289e01d41c9bb8970fa845d4bf2": "iCloud Keychain",
	"08987058cadc4b81b6e130de50dcbe96": "Windows Hello",
	"9ddd1817af5a4672a2b93e3dd95000a9": "Windows Hello",
	"6028b017b1d44c02b4b3afcdafc96bb2": "Windows Hello",
	"53414d53554e47000000000000000000": "Samsung Pass",
	"bada5566a7aa401fbd9645619a55120d": "1Password",
	"d548826e79b4db40a3d811116f7e8349": "Bitwarden",
	"531126d6e717415c93203d9aa6981239": "Dashlane",
	"f38095407f1449c1a8b38f813b225541": "Enpass",
	"fdb141b25d84443e8a354698c205a502": "KeePassXC",
	"0ea242b443c44a1b8b17dd6d0b6baec6": "Keeper",
	"b84e404815dc4dd08640f4f60813c8af": "NordPass",
	"50726f746f6e5061737350726f746f6e": "Proton Pass",
	"cb69481e8ff7403993ec0a2729a154a8": "YubiKey 5",
	"ee882879721c491397753dfcce97072a": "YubiKey 5",
	"fa2b99dc9e3942578f924a30d23c4118": "YubiKey 5 NFC",
	"2fc0579f811347eab116bb5a8db9202a": "YubiKey 5 NFC",
}

// DefaultName is what a passkey is called until its owner names it: after the device,
// if it says which it is, and unlike the others.
func (k *Passkey) DefaultName(others []Passkey) string {
	base := makers[hex.EncodeToString(k.AAGUID[:])]
	if base == "" {
		base = "Passkey"
	}
	taken := func(name string) bool {
		return slices.ContainsFunc(others, func(o Passkey) bool { return strings.EqualFold(o.Name, name) })
	}
	name := base
	for n := 2; taken(name); n++ {
		name = fmt.Sprintf("%s %d", base, n)
	}
	return name
}
