package transcript

import (
	"encoding/hex"
	"fmt"

	"citycard/cardos/apdu"
	"citycard/cardos/monthly"
	"citycard/cardos/purse"
	"citycard/cardos/tunion"
)

// form is how a part reads.
type form int

const (
	raw    form = iota
	fen         // big-endian amount, printed as yuan
	number      // big-endian number
)

// part is one field of a command or an answer.
type part struct {
	word
	size int
	form form
}

// Parts that many layouts share.
func partAmount() part   { return part{word{"amount", "金额"}, 4, fen} }
func partBalance() part  { return part{word{"balance", "余额"}, 4, fen} }
func partTerminal() part { return part{word{"terminal", "终端机编号"}, 6, raw} }
func partTime() part     { return part{word{"time", "交易时间"}, 7, raw} }
func partType() part     { return part{word{"transaction type", "交易类型"}, 1, raw} }
func partKeyIndex() part { return part{word{"key index", "密钥索引"}, 1, number} }
func partVersion() part  { return part{word{"key version", "密钥版本"}, 1, number} }
func partAlg() part      { return part{word{"algorithm", "算法标识"}, 1, number} }
func partRandom() part   { return part{word{"random", "随机数"}, 4, raw} }
func partLimit() part    { return part{word{"overdraft limit", "透支限额"}, 3, fen} }
func partOnline() part   { return part{word{"online sequence", "联机交易序号"}, 2, number} }
func partOffline() part  { return part{word{"offline sequence", "脱机交易序号"}, 2, number} }
func partSAM() part      { return part{word{"terminal sequence", "终端交易序号"}, 4, number} }
func partMAC(n int) part { return part{word{fmt.Sprintf("MAC%d", n), fmt.Sprintf("MAC%d", n)}, 4, raw} }
func partTAC() part      { return part{word{"TAC", "TAC"}, 4, raw} }

// sent is the layout of a command's data, or nil.
func sent(cmd apdu.Command) []part {
	if cmd.CLA != 0x80 {
		return nil
	}
	switch cmd.INS {
	case 0x50:
		if cmd.P1 == 4 {
			return []part{partKeyIndex(), partTerminal()}
		}
		return []part{partKeyIndex(), partAmount(), partTerminal()}
	case 0x52:
		return []part{partTime(), partMAC(2)}
	case 0x54:
		return []part{partSAM(), partTime(), partMAC(1)}
	case 0x58:
		return []part{partLimit(), partTime(), partMAC(2)}
	case 0x5A:
		return []part{{word{"sequence", "交易序号"}, 2, number}}
	case 0x70:
		return []part{
			partRandom(), partOffline(), partAmount(), partType(), partTime(), partVersion(), partAlg(),
			{word{"card factor", "卡片分散因子"}, 8, raw},
			{word{"issuer factor", "发行方分散因子"}, 8, raw},
		}
	case 0x72:
		return []part{partMAC(2)}
	case 0xDC:
		return file(cmd.P2 >> 3)
	default:
		return nil
	}
}

// received is the layout of an answer, or nil.
func received(cmd apdu.Command) []part {
	if cmd.CLA == 0 && (cmd.INS == 0xB0 && cmd.P2 == 0 || cmd.INS == 0xB2) {
		return file(fileOf(cmd))
	}
	if cmd.CLA != 0x80 {
		return nil
	}
	switch cmd.INS {
	case 0x50:
		return started(cmd.P1)
	case 0x52, 0x58:
		return []part{partTAC()}
	case 0x54, 0x5A:
		return []part{partTAC(), partMAC(2)}
	case 0x5C:
		return []part{partBalance()}
	case 0x70:
		return []part{partSAM(), partMAC(1)}
	default:
		return nil
	}
}

func started(p1 byte) []part {
	switch p1 {
	case 0:
		return []part{partBalance(), partOnline(), partVersion(), partAlg(), partRandom(), partMAC(1)}
	case 4:
		return []part{partBalance(), partOnline(), partLimit(), partVersion(), partAlg(), partRandom(), partMAC(1)}
	default:
		return []part{partBalance(), partOffline(), partLimit(), partVersion(), partAlg(), partRandom()}
	}
}

// file is the layout of a transit card's file.
func file(sfi byte) []part {
	switch sfi {
	case tunion.ApplicationSFI:
		return []part{
			{word{"issuer", "发卡机构标识"}, 8, raw},
			{word{"application type", "应用类型标识"}, 1, raw},
			{word{"enabled", "启用标识"}, 1, raw},
			{word{"serial number", "应用序列号"}, 10, raw},
			{word{"valid from", "启用日期"}, 4, raw},
			{word{"valid to", "有效日期"}, 4, raw},
			{word{"issuer's own", "发卡机构自定义"}, 2, raw},
		}
	case tunion.RegionSFI:
		return []part{
			{word{"country", "国际代码"}, 4, raw},
			{word{"province", "省级代码"}, 2, raw},
			{word{"city", "城市代码"}, 2, raw},
			{word{"interoperable", "互通卡种"}, 2, raw},
			{word{"card type", "卡类型"}, 1, raw},
		}
	case purse.LogSFI:
		return []part{
			{word{"sequence", "交易序号"}, 2, number}, partLimit(), partAmount(), partType(), partTerminal(), partTime(),
		}
	case tunion.JourneySFI:
		return []part{
			partType(),
			{word{"terminal", "终端编号"}, 8, raw},
			{word{"industry", "行业代码"}, 1, raw},
			{word{"line", "线路"}, 2, raw},
			{word{"station", "站点"}, 2, raw},
			{word{"operator", "运营公司"}, 2, raw},
			{word{"reserved", "预留"}, 1, raw},
			partAmount(), partBalance(), partTime(),
			{word{"acceptor city", "受理方城市代码"}, 2, raw},
			{word{"acceptor", "受理方机构标识"}, 8, raw},
		}
	case monthly.SFI:
		return []part{
			{word{"version", "版本"}, 1, number},
			{word{"modes", "适用行业"}, 2, raw},
			{word{"first day", "起始日期"}, 4, raw},
			{word{"last day", "截止日期"}, 4, raw},
			{word{"rides sold", "购买次数"}, 2, number},
			{word{"rides left", "剩余次数"}, 2, number},
			{word{"last ride", "末次乘车"}, 7, raw},
		}
	case tunion.TripSFI:
		return []part{
			{word{"record id", "记录标识"}, 2, raw},
			{word{"length", "记录长度"}, 1, raw},
			{word{"valid", "有效标识"}, 1, raw},
			{word{"interoperation", "互通交易标识"}, 1, raw},
			{word{"lock", "应用锁定标识"}, 1, raw},
			{word{"serial", "交易流水号"}, 8, raw},
			{word{"status", "交易状态"}, 1, raw},
		}
	default:
		return nil
	}
}

// text prints the bytes of a part.
func (p part) text(b []byte) string {
	v := uint64(0)
	for _, x := range b {
		v = v<<8 | uint64(x)
	}
	switch p.form {
	case fen:
		return fmt.Sprintf("%d.%02d", v/100, v%100)
	case number:
		return fmt.Sprintf("%d", v)
	default:
		return hex.EncodeToString(b)
	}
}
