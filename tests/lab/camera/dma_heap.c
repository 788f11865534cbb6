/* Preloaded into the lab's Python: what a Pi's kernel has and this one has not, and the faults that a lab must make.
 *
 * /dev/dma_heap/linux,cma is opened as a memory file, and what is allocated from it is another. LAB_CMA_LIMIT: an
 * allocation of more bytes fails with ENOMEM. LAB_FRAME_US: how long the virtual camera takes for a frame.
 * LAB_STALL_FILE: no frame is finished while this file exists. All three are read anew each time.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* -- the heap: opened by libcamera with open or open64, either of which the compiler may have checked -- */

static int is_heap(const char *path)
{
	return path && !strcmp(path, "/dev/dma_heap/linux,cma");
}

#define OPEN(NAME)                                                            \
	int NAME(const char *path, int flags, ...)                            \
	{                                                                     \
		static int (*real)(const char *, int, ...);                   \
		mode_t mode = 0;                                              \
		if (is_heap(path))                                            \
			return memfd_create("heap", MFD_CLOEXEC);             \
		if (flags & (O_CREAT | O_TMPFILE)) {                          \
			va_list more;                                         \
			va_start(more, flags);                                \
			mode = va_arg(more, mode_t);                          \
			va_end(more);                                         \
		}                                                             \
		if (!real)                                                    \
			real = dlsym(RTLD_NEXT, #NAME);                       \
		return real(path, flags, mode);                               \
	}
OPEN(open)
OPEN(open64)
int __open_2(const char *path, int flags) { return open(path, flags); }
int __open64_2(const char *path, int flags) { return open64(path, flags); }

static int allocate(struct dma_heap_allocation_data *wanted)
{
	const char *limit = getenv("LAB_CMA_LIMIT");
	int buffer;

	if (limit && wanted->len > strtoull(limit, NULL, 10)) {
		errno = ENOMEM;
		return -1;
	}
	buffer = memfd_create("buffer", MFD_CLOEXEC);
	if (buffer < 0 || ftruncate(buffer, wanted->len))
		return -1;
	wanted->fd = buffer;
	return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	static int (*real)(int, unsigned long, ...);
	va_list more;
	void *argument;
	int result;

	va_start(more, request);
	argument = va_arg(more, void *);
	va_end(more);
	if (request == DMA_HEAP_IOCTL_ALLOC)
		return allocate(argument);
	if (!real)
		real = dlsym(RTLD_NEXT, "ioctl");
	result = real(fd, request, argument);
	if (result < 0 && errno == ENOTTY &&
	    (request == DMA_BUF_IOCTL_SYNC || request == DMA_BUF_SET_NAME_A || request == DMA_BUF_SET_NAME_B))
		return 0;
	return result;
}

/* -- the frames: the virtual camera calls one of these for each stream of each, on a thread of its own -- */

static void *libyuv(const char *name)
{
	/* libcamera comes in by dlopen, so RTLD_NEXT would not see its libyuv. */
	return dlsym(dlopen("libyuv.so.0", RTLD_LAZY | RTLD_LOCAL), name);
}

static struct timespec now(void)
{
	struct timespec moment;

	clock_gettime(CLOCK_MONOTONIC, &moment);
	return moment;
}

static void take_time(struct timespec until, int width)
{
	const char *frame_us = getenv("LAB_FRAME_US"), *stall = getenv("LAB_STALL_FILE");
	static int width_before;
	int is_small_stream = width < width_before;

	width_before = width;
	if (frame_us && !is_small_stream) {
		long ns = until.tv_nsec + atol(frame_us) * 1000L;

		until.tv_sec += ns / 1000000000L;
		until.tv_nsec = ns % 1000000000L;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	}
	while (stall && !access(stall, F_OK))
		usleep(5000);
}

int ARGBToNV12(const uint8_t *from, int stride, uint8_t *y, int y_stride, uint8_t *uv, int uv_stride, int width,
	       int height)
{
	static int (*real)(const uint8_t *, int, uint8_t *, int, uint8_t *, int, int, int);
	struct timespec began = now();
	int result;

	if (!real)
		real = libyuv("ARGBToNV12");
	result = real(from, stride, y, y_stride, uv, uv_stride, width, height);
	take_time(began, width);
	return result;
}

int NV12Copy(const uint8_t *from_y, int from_y_stride, const uint8_t *from_uv, int from_uv_stride, uint8_t *y,
	     int y_stride, uint8_t *uv, int uv_stride, int width, int height)
{
	static int (*real)(const uint8_t *, int, const uint8_t *, int, uint8_t *, int, uint8_t *, int, int, int);
	struct timespec began = now();
	int result;

	if (!real)
		real = libyuv("NV12Copy");
	result = real(from_y, from_y_stride, from_uv, from_uv_stride, y, y_stride, uv, uv_stride, width, height);
	take_time(began, width);
	return result;
}
