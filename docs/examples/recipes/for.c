/* SPDX-License-Identifier: MIT */
/* for >PICTURE: the Mandelbrot set in PGM, a task for each row. */
#include <complex.h>
#include <errgroup.h>

#define SIZE 512

static int draw_row(eg_ctx *ctx, void *arg, size_t row)
{
	unsigned char *pixels = ((unsigned char(*)[SIZE])arg)[row];
	double step = 4.0 / (SIZE - 1);

	for (size_t x = 0; x < SIZE; x++) {
		double complex c = step * x - 2 + (step * row - 2) * I, z = 0;

		for (pixels[x] = 0; pixels[x] < 255 && cabs(z) <= 2;
		     pixels[x]++)
			z = z * z + c;
	}
	return 0;
}

int main(void)
{
	static unsigned char rows[SIZE][SIZE];

	if (eg_for(NULL, SIZE, draw_row, rows, NULL, NULL))
		return fputs("for: out of memory\n", stderr), 1;
	printf("P5\n%d %d\n255\n", SIZE, SIZE);
	fwrite(rows, SIZE, SIZE, stdout);
	return fflush(stdout) ? 1 : 0;
}
