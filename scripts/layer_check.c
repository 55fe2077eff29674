/* Computes one output channel of a layer with the header of `aq4svit export --format header`, and the
   neurons that follow it directly, and compares with the golden accumulators and spikes;
   scripts/check_rtl.py writes golden.h and compiles it. All headers are included, so that all are
   compiled. */
#include <stdio.h>
#include "layers.h"
#include "golden.h" /* STEPS, HEIGHT, WIDTH, OUT_HEIGHT, OUT_WIDTH, CHANNEL, WEIGHT(n), spikes, golden;
                       where neurons follow: POTENTIAL, UPDATE(v, sum), FIRES(v), emitted */
#ifdef POTENTIAL
static POTENTIAL potentials[OUT_HEIGHT * OUT_WIDTH];
#endif

int main(void)
{
    int wrong = 0, count = 0, fired = 0;
    const int group = CHANNEL / (OUT / GROUPS);
    for (int t = 0; t < STEPS; t++)
        for (int y = 0; y < OUT_HEIGHT; y++)
            for (int x = 0; x < OUT_WIDTH; x++) {
                int32_t sum = 0;
                for (int i = 0; i < IN; i++)
                    for (int j = 0; j < ROWS; j++)
                        for (int k = 0; k < COLUMNS; k++) {
                            const int row = y * STRIDE + j - PADDING, column = x * STRIDE + k - PADDING;
                            if (row < 0 || row >= HEIGHT || column < 0 || column >= WIDTH)
                                continue;
                            sum += WEIGHT(((CHANNEL * IN + i) * ROWS + j) * COLUMNS + k)
                                * spikes[((t * IN * GROUPS + group * IN + i) * HEIGHT + row) * WIDTH + column];
                        }
                wrong += sum != golden[count];
#ifdef POTENTIAL
                POTENTIAL *v = &potentials[y * OUT_WIDTH + x];
                *v = UPDATE(*v, sum);
                const int fires = FIRES(*v);
                if (fires)
                    *v = 0;
                fired += fires;
                wrong += fires != emitted[count];
#endif
                count++;
            }
#ifdef POTENTIAL
    printf("%d accumulators, %d spikes from them, %d differ\n", count, fired, wrong);
#else
    (void)fired;
    printf("%d accumulators, %d differ\n", count, wrong);
#endif
    return wrong != 0;
}
