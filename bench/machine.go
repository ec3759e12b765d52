package main

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"runtime"
	"strconv"
)

// A machine is where results were measured. What the system does not say is zero.
type machine struct {
	Processors int    `json:"processors"`
	Processor  string `json:"processor"`
	MemoryGiB  int    `json:"memory_gib"`
	System     string `json:"system"`
	Go         string `json:"go"`
}

var (
	model   = regexp.MustCompile(`(?m)^model name\s*:\s*(.+)$`)
	memory  = regexp.MustCompile(`(?m)^MemTotal:\s*(\d+) kB$`)
	version = regexp.MustCompile(`^(\d+\.\d+)`)
)

func thisMachine() machine {
	m := machine{
		Processors: runtime.NumCPU(), Processor: told("/proc/cpuinfo", model), System: runtime.GOOS, Go: runtime.Version(),
	}
	if kib, err := strconv.ParseFloat(told("/proc/meminfo", memory), 64); err == nil {
		m.MemoryGiB = int(math.Round(kib / (1 << 20)))
	}
	if v := told("/proc/sys/kernel/osrelease", version); v != "" {
		m.System = "Linux " + v
	}
	return m
}

// told is what a file of the kernel says, "" if there is none.
func told(file string, what *regexp.Regexp) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	if found := what.FindSubmatch(text); found != nil {
		return string(found[1])
	}
	return ""
}

func (m machine) String() string {
	return fmt.Sprintf("%d processors (%s), %d GiB, %s, %s", m.Processors, m.Processor, m.MemoryGiB, m.System, m.Go)
}
