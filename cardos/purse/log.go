package purse

import "encoding/binary"

// Layout of the transaction log: file 0018 (SFI 18), cyclic, record 1 newest.
const (
	LogSFI        byte = 0x18
	LogRecords    int  = 10
	LogRecordSize int  = 23
)

// LogRecord is one record of the transaction log:
// sequence2 overdraft limit3 amount4 type1 terminal6 date4 time3.
type LogRecord struct {
	Sequence       uint16 // as the INITIALIZE answer showed it, before the increment
	OverdraftLimit uint32 // three bytes
	Amount         uint32
	Type           byte
	Terminal       [6]byte
	Time           [7]byte
}

// ParseLogRecord reads one record of 23 bytes.
func ParseLogRecord(b []byte) (LogRecord, error) {
	if err := want("log record", b, LogRecordSize); err != nil {
		return LogRecord{}, err
	}
	return LogRecord{
		Sequence:       binary.BigEndian.Uint16(b),
		OverdraftLimit: uint24(b[2:]),
		Amount:         binary.BigEndian.Uint32(b[5:]),
		Type:           b[9],
		Terminal:       [6]byte(b[10:]),
		Time:           [7]byte(b[16:]),
	}, nil
}

// Encode is the inverse of ParseLogRecord.
func (r LogRecord) Encode() [LogRecordSize]byte {
	var b [LogRecordSize]byte
	binary.BigEndian.PutUint16(b[0:], r.Sequence)
	b[2], b[3], b[4] = byte(r.OverdraftLimit>>16), byte(r.OverdraftLimit>>8), byte(r.OverdraftLimit)
	binary.BigEndian.PutUint32(b[5:], r.Amount)
	b[9] = r.Type
	copy(b[10:], r.Terminal[:])
	copy(b[16:], r.Time[:])
	return b
}

// Empty reports a record that was never written: a type of 00 or FF.
func (r LogRecord) Empty() bool { return r.Type == 0 || r.Type == 0xFF }
