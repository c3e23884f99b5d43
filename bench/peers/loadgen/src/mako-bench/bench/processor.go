package bench

import (
	"fmt"
	"syscall"
	"time"
	"unsafe"
)

// ProcessorTimeOf reads the kernel's clock of a process, which counts all its threads, in nanoseconds, and which any
// process may read: so all are read at one moment and none is disturbed. clock_getcpuclockid(3) has the number.
func ProcessorTimeOf(pid int) (time.Duration, error) {
	const scheduled = 2
	clock := uintptr(^pid<<3 | scheduled)
	var used syscall.Timespec
	_, _, failed := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clock, uintptr(unsafe.Pointer(&used)), 0)
	if failed != 0 {
		return 0, fmt.Errorf("the processor time of process %d: %w", pid, failed)
	}
	return time.Duration(used.Nano()), nil
}
