package embedded

import "testing"

func TestSharedBuffers(t *testing.T) {
	for memory, want := range map[int]int{512: 256, 4096: 512, 8192: 1024, 24_000: 2048, 512_000: 2048} {
		if got := sharedBuffersMB(memory); got != want {
			t.Errorf("of %d MB %d are shared buffers, expected %d", memory, got, want)
		}
	}
	if memory := machineMemoryMB(); memory < 128 {
		t.Errorf("this machine has %d MB", memory)
	}
}
