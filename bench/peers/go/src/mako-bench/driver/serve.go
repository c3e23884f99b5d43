package driver

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
)

// Options are what the benchmark starts a node with.
type Options struct {
	// Node is 1, 2 or 3, and 0 when all three are in this process. Node 1 leads.
	Node int
	// Setup is `disk`, `memory` or `one-process`.
	Setup string
	// Addresses are those of the nodes 1, 2 and 3.
	Addresses []string
	// Directory is empty, and for this node alone.
	Directory string
}

// ParseOptions reads the command line, and ends the process when it is wrong.
func ParseOptions() Options {
	node := flag.Int("node", 0, "1, 2 or 3; 0 for all in this process")
	setup := flag.String("setup", "", "disk, memory or one-process")
	addresses := flag.String("addresses", "", "of the nodes 1, 2 and 3, with commas between")
	directory := flag.String("directory", "", "for the files of this node")
	flag.Parse()
	options := Options{Node: *node, Setup: *setup, Directory: *directory}
	switch options.Setup {
	case "disk", "memory":
		options.Addresses = strings.Split(*addresses, ",")
		if options.Node < 1 || options.Node > 3 || len(options.Addresses) != 3 || options.Directory == "" {
			Fatal(fmt.Errorf("%s needs --node 1 to 3, three --addresses and a --directory", options.Setup))
		}
	case "one-process":
	default:
		Fatal(fmt.Errorf("no setup %q", options.Setup))
	}
	return options
}

var output sync.Mutex

func say(line interface{}) {
	output.Lock()
	defer output.Unlock()
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		os.Exit(1)
	}
}

// Fatal ends the process with its reason.
func Fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// Serve obeys one line after the other, `{"run": Load}` with `{"result": Result}` or `{"error": string}`, until the
// benchmark has ended and with it the input; then this process ends too. `start` is nil in a node that follows.
func Serve(start Start) {
	if start != nil {
		say(map[string]interface{}{"leading": struct{}{}})
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var line struct {
			Run *Load `json:"run"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil || line.Run == nil || start == nil {
			say(map[string]string{"error": fmt.Sprintf("this node cannot obey %s", lines.Text())})
			continue
		}
		if result, err := Measure(*line.Run, start); err != nil {
			say(map[string]string{"error": err.Error()})
		} else {
			say(map[string]Result{"result": result})
		}
	}
	os.Exit(0)
}
