package ssc

import (
	"fmt"
	"strings"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// Basic is what the reader library of hospital software (iReadCardBas) returns: GBK
// text, every field ended by "|". A version 3 card read without a SAM has
// CardNumber, SecurityNumber and Name empty.
type Basic struct {
	Region         string // 发卡地区行政区划代码
	SecurityNumber string // 社会保障号码
	CardNumber     string // 卡号
	Identification string // 卡识别码
	Name           string // 姓名
	History        string // 卡复位信息: the ATR's historical bytes
	Version        string // 规范版本
	Issued         string // 发卡日期 YYYYMMDD
	Expiry         string // 卡有效期
	Terminal       string // 终端机编号
	Device         string // 终端设备号
}

const basicFields = 11

// ParseBasic reads the library's line. Fields beyond the eleven are an error.
func ParseBasic(line []byte) (Basic, error) {
	s, err := simplifiedchinese.GBK.NewDecoder().Bytes(line)
	if err != nil {
		return Basic{}, fmt.Errorf("basic data: %w", err)
	}
	f := strings.Split(strings.TrimRight(string(s), "\r\n\x00"), "|")
	if len(f) == basicFields+1 && f[basicFields] == "" {
		f = f[:basicFields]
	}
	if len(f) != basicFields {
		return Basic{}, fmt.Errorf("basic data of %d fields, want %d: %w", len(f), basicFields, ErrLayout)
	}
	return Basic{f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8], f[9], f[10]}, nil
}

// Encode is the inverse of ParseBasic. A character that GBK lacks, and a "|" in a
// field, are errors.
func (b Basic) Encode() ([]byte, error) {
	var line strings.Builder
	for _, f := range []string{
		b.Region, b.SecurityNumber, b.CardNumber, b.Identification, b.Name, b.History,
		b.Version, b.Issued, b.Expiry, b.Terminal, b.Device,
	} {
		if strings.Contains(f, "|") {
			return nil, fmt.Errorf("basic data: separator inside a field: %w", ErrLayout)
		}
		line.WriteString(f + "|")
	}
	gbk, err := simplifiedchinese.GBK.NewEncoder().String(line.String())
	if err != nil {
		return nil, fmt.Errorf("basic data has a character that GBK lacks: %w", ErrLayout)
	}
	return []byte(gbk), nil
}
