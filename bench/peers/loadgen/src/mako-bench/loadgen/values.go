package loadgen

import (
	"math/rand"
	"strconv"
)

// Share is how many of all operations in flight the client with that index has.
func Share(inFlight, clients, index int) int {
	share := inFlight / clients
	if index < inFlight%clients {
		share++
	}
	return share
}

// Min is the smaller one.
func Min(a, b int) int {
	if a < b {
		return a
	}
	return b
}

// Value has so many bytes that cannot be compressed well.
func Value(bytes int) []byte {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	random := rand.New(rand.NewSource(int64(bytes)))
	value := make([]byte, bytes)
	for i := range value {
		value[i] = letters[random.Intn(len(letters))]
	}
	return value
}

// Keys are names that are made once, so that no client pays for making them.
func Keys(prefix string, count int) []string {
	keys := make([]string, count)
	for i := range keys {
		keys[i] = prefix + strconv.Itoa(i)
	}
	return keys
}
