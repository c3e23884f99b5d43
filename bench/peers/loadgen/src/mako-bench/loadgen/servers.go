// The servers of a peer, as processes.

package loadgen

import (
	"errors"
	"fmt"
	"math/rand"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"mako-bench/bench"
)

// Count of servers in a group.
const Count = 3

// startLimit is how long a group may take until it takes writes.
const startLimit = 60 * time.Second

// Servers are those that were started; all of them are in the figure for processor time.
type Servers struct {
	directory string

	mutex   sync.Mutex
	running []*exec.Cmd
	ended   error
}

// Directory makes one for the files of one server.
func (s *Servers) Directory(name string) (string, error) {
	directory := filepath.Join(s.directory, name)
	return directory, os.MkdirAll(directory, 0o700)
}

// Run starts a server. What it prints goes to a file, whose end is shown if the server ends by itself.
func (s *Servers) Run(name, program string, arguments ...string) error {
	log := filepath.Join(s.directory, name+".log")
	output, err := os.Create(log)
	if err != nil {
		return err
	}
	defer output.Close()
	command := exec.Command(program, arguments...)
	command.Dir = s.directory
	command.Stdout = output
	command.Stderr = output
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.ended != nil {
		return s.ended
	}
	if err := command.Start(); err != nil {
		return err
	}
	s.running = append(s.running, command)
	go func() {
		err := command.Wait()
		s.mutex.Lock()
		defer s.mutex.Unlock()
		if s.ended == nil {
			s.ended = fmt.Errorf("server %s has ended (%v): %s", name, err, tail(log))
		}
	}()
	return nil
}

// Err tells that a server has ended, and which.
func (s *Servers) Err() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.ended
}

// Until tries again and again until there is no error any more; it fails with the last one.
func (s *Servers) Until(what string, try func() error) error {
	end := time.Now().Add(startLimit)
	for {
		err := try()
		if err == nil {
			return nil
		}
		if ended := s.Err(); ended != nil {
			return ended
		}
		if time.Now().After(end) {
			return fmt.Errorf("not %s after %v: %w", what, startLimit, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Kill ends all servers, and returns when they have ended. None can be started any more.
func (s *Servers) Kill() {
	s.mutex.Lock()
	if s.ended == nil {
		s.ended = errors.New("the servers are ended")
	}
	running := s.running
	s.mutex.Unlock()
	for _, command := range running {
		command.Process.Kill()
	}
	for _, command := range running {
		// There is nobody to signal once the goroutine that waits for it has heard of its end.
		for command.Process.Signal(syscall.Signal(0)) == nil {
			time.Sleep(time.Millisecond)
		}
	}
}

// cpu is the processor time that was used so far.
type cpu struct {
	// Of this process and of the server that leads.
	leading time.Duration
	// And of the others.
	all time.Duration
}

func (s *Servers) cpu(leader int) (used cpu, err error) {
	own, err := bench.ProcessorTimeOf(os.Getpid())
	if err != nil {
		return used, err
	}
	used = cpu{leading: own, all: own}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for i, command := range s.running {
		one, err := bench.ProcessorTimeOf(command.Process.Pid)
		if err != nil {
			return used, err
		}
		used.all += one
		if i == leader {
			used.leading += one
		}
	}
	return used, nil
}

// FreePorts gives ports on loopback that nobody listens on. They are below those that the kernel gives to outgoing
// connections, so that none of them is taken by one before a server listens there.
func FreePorts(count int) ([]int, error) {
	const lowest, highest, tries = 12000, 32000, 1000
	random := rand.New(rand.NewSource(time.Now().UnixNano()))
	var ports []int
	for try := 0; try < tries && len(ports) < count; try++ {
		port := lowest + random.Intn(highest-lowest)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		// Kept until all are found, so that no port is found twice.
		defer listener.Close()
		ports = append(ports, port)
	}
	if len(ports) < count {
		return nil, fmt.Errorf("only %d of %d ports are free", len(ports), count)
	}
	return ports, nil
}

func tail(file string) string {
	const most = 500
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	if len(text) > most {
		text = text[len(text)-most:]
	}
	return string(text)
}
