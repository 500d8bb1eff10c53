package tunion

import (
	"errors"
	"fmt"
)

// ErrLayout is wrapped by every error about a file or answer of the wrong shape.
var ErrLayout = errors.New("malformed transit card data")

// AID is an application name, as bytes in a string.
type AID string

// Application names.
const (
	AIDPurse     AID = "\xA0\x00\x00\x06\x32\x01\x01\x05"     // EP, label MOT_T_EP
	AIDCash      AID = "\xA0\x00\x00\x06\x32\x01\x01\x06"     // EMV-like electronic cash
	AIDCityUnion AID = "\xA0\x00\x00\x00\x03\x86\x98\x07\x01" // the older city union
	PPSE         AID = "2PAY.SYS.DDF01"
	PSE          AID = "1PAY.SYS.DDF01"

	LabelPurse = "MOT_T_EP"
	LabelCash  = "MOT_T_CASH"
)

// Bytes returns the name for a SELECT.
func (a AID) Bytes() []byte { return []byte(a) }

// Short file identifiers and sizes of the purse application.
const (
	ApplicationSFI  byte = 0x15
	HolderSFI       byte = 0x16
	RegionSFI       byte = 0x17
	TripSFI         byte = 0x1A
	JourneySFI      byte = 0x1E
	ApplicationSize      = 30
	HolderSize           = 55
	RegionSize           = 60
	TripSize             = 128
	TripRecords          = 18
	JourneySize          = 48
	JourneyRecords       = 30
)

// Zhengzhou's codes: clearing centres by GB/T 13497 (city 4910, Henan 4900), and
// the beginning of the card numbers of 绿城通.
const (
	ZhengzhouCity   uint16 = 0x4910
	HenanProvince   uint16 = 0x4900
	ZhengzhouPrefix        = "31050702"
)

// Application is file 0015, public application data (30 bytes): issuer8 type1 status1 ASN10 start4
// expiry4 FCI2. It is also tag 9F0C of the answer to SELECT. The older city union has the same
// file; its issuer consists of institution2, the first four digits of the postal code, and zeros.
type Application struct {
	Issuer  [8]byte // institution2 city2 FFFFFFFF
	Type    byte    // 02
	Status  byte    // StatusInitial or StatusEnabled
	ASN     [10]byte
	Start   [4]byte // YYYYMMDD
	Expiry  [4]byte
	Private [2]byte // the issuer's
}

// States of the application, offset 9 of file 0015.
const (
	StatusInitial byte = 0
	StatusEnabled byte = 1
)

// ParseApplication reads file 0015; real readers may get more bytes than 30, and the
// rest is left out.
func ParseApplication(b []byte) (Application, error) {
	if len(b) < ApplicationSize {
		return Application{}, fmt.Errorf("file 0015: %d bytes, want %d: %w", len(b), ApplicationSize, ErrLayout)
	}
	return Application{
		Issuer:  [8]byte(b),
		Type:    b[8],
		Status:  b[9],
		ASN:     [10]byte(b[10:]),
		Start:   [4]byte(b[20:]),
		Expiry:  [4]byte(b[24:]),
		Private: [2]byte(b[28:]),
	}, nil
}

// Encode is the inverse of ParseApplication.
func (a Application) Encode() [ApplicationSize]byte {
	var b [ApplicationSize]byte
	copy(b[0:], a.Issuer[:])
	b[8], b[9] = a.Type, a.Status
	copy(b[10:], a.ASN[:])
	copy(b[20:], a.Start[:])
	copy(b[24:], a.Expiry[:])
	copy(b[28:], a.Private[:])
	return b
}

// City is the clearing centre's code, offset 2 of the issuer id; in the older city union the
// postal code's beginning.
func (a Application) City() uint16 { return uint16(a.Issuer[2])<<8 | uint16(a.Issuer[3]) }
