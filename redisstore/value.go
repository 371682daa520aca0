package redisstore

import (
	"strconv"
	"time"

	"github.com/moneyclip/moneyclip"
)

// A value is what stands in Redis for a row: the number of this format, the epoch and the two generations of its lease, the soft and the
// hard deadline in milliseconds of 13 digits, the token of the lease, and the row. It counts only beside that lease: see fill. lease.lua
// reads it too. What stands there may have been put there by anybody: all that is not a value is a miss.
const (
	format      = "2"
	epochEnd    = 1 + epochLen
	nonceLen    = 16
	nonce1End   = epochEnd + nonceLen
	nonce2End   = nonce1End + nonceLen
	deadlineLen = 13
	softEnd     = nonce2End + deadlineLen
	hardEnd     = softEnd + deadlineLen
	tokenLen    = len(moneyclip.Token{})
	tokenEnd    = hardEnd + tokenLen

	maxValue = 1 << 20 // bytes; a larger row is not stored: a few at a time, of 7 MB, took longer than the time-out, and so kept all from the cache
)

// decode returns the row of a value if it was leased under the epoch and the generations, by the lease beside it.
func decode(value []byte, lease, epoch, nonce1, nonce2 string) (row *moneyclip.Row, soft time.Time) {
	if len(value) < tokenEnd || len(value) > tokenEnd+maxValue || len(epoch) != epochLen ||
		len(nonce1) != nonceLen || len(nonce2) != nonceLen || len(lease) != leaseLen ||
		value[0] != format[0] || string(value[1:epochEnd]) != epoch ||
		string(value[epochEnd:nonce1End]) != nonce1 || string(value[nonce1End:nonce2End]) != nonce2 ||
		string(value[hardEnd:tokenEnd]) != lease[:tokenLen] {
		return nil, time.Time{}
	}
	ms, err := strconv.ParseUint(string(value[nonce2End:softEnd]), 10, 63)
	if err != nil {
		return nil, time.Time{}
	}
	row, err = decodeRow(value)
	if err != nil {
		return nil, time.Time{}
	}
	return row, time.UnixMilli(int64(ms))
}

// decodeRow returns the row of a value that the server has found good.
func decodeRow(value []byte) (*moneyclip.Row, error) {
	if len(value) < tokenEnd {
		return nil, errNotAValue
	}
	row := new(moneyclip.Row)
	if err := row.UnmarshalBinary(value[tokenEnd:]); err != nil {
		return nil, errNotAValue
	}
	return row, nil
}

// A lease in Redis is its token, its deadline, and a mark of the mastership and the generations under which it was granted: some bytes of
// each, which tell one that can come to something from one that cannot.
const (
	markLen  = 4 + 4*4
	leaseLen = tokenLen + deadlineLen + markLen
)

// appendLease appends a lease. lease.lua makes them too.
func appendLease(to []byte, token moneyclip.Token, till int64, g *generations) []byte {
	return appendMark(appendDigits(append(to, token[:]...), till), g.epoch, g.nonces[0], g.nonces[1])
}

func appendMark(to []byte, epoch, nonce1, nonce2 string) []byte {
	to = append(to, epoch[:4]...)
	to = append(append(to, nonce1[4:8]...), nonce1[12:16]...)
	return append(append(to, nonce2[4:8]...), nonce2[12:16]...)
}

// appendDigits appends milliseconds since 1970, in 13 digits: they last until the year 2286.
func appendDigits(to []byte, ms int64) []byte {
	from := len(to)
	to = append(to, "0000000000000"...)
	for i := len(to) - 1; i >= from && ms > 0; i-- {
		to[i] = byte('0' + ms%10)
		ms /= 10
	}
	return to
}
