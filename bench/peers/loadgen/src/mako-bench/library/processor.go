package library

import (
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"
)

// processorTime is what this process, and all processes, have used so far.
type processorTime struct {
	leading, all time.Duration
}

func processorTimeNow(others []int) (used processorTime, err error) {
	if used.leading, err = processorTimeOf(os.Getpid()); err != nil {
		return used, err
	}
	used.all = used.leading
	for _, pid := range others {
		one, err := processorTimeOf(pid)
		if err != nil {
			return used, err
		}
		used.all += one
	}
	return used, nil
}

// processorTimeOf reads the kernel's clock of a process, which counts all its threads, in nanoseconds, and which any
// process may read: so all are read at one moment and none is disturbed. clock_getcpuclockid(3) has the number.
func processorTimeOf(pid int) (time.Duration, error) {
	const scheduled = 2
	clock := uintptr(^pid<<3 | scheduled)
	var used syscall.Timespec
	_, _, failed := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clock, uintptr(unsafe.Pointer(&used)), 0)
	if failed != 0 {
		return 0, fmt.Errorf("the processor time of process %d: %w", pid, failed)
	}
	return time.Duration(used.Nano()), nil
}
