// Reads the memory of one layer (`aq4svit export --format mem`) and the golden spikes before it, and
// compares the sums with the golden accumulators. scripts/check_rtl.py runs it with Icarus Verilog.
`timescale 1ns / 1ns
module layer_tb;
  parameter WORD = 4;      // bits of a word
  parameter LANES = 1;     // words in a line
  parameter OUT = 1, IN = 1, ROWS = 1, COLUMNS = 1, STRIDE = 1, PADDING = 0, GROUPS = 1;
  parameter HEIGHT = 1, WIDTH = 1, OUT_HEIGHT = 1, OUT_WIDTH = 1, STEPS = 1;
  localparam FAN_IN = IN * ROWS * COLUMNS;
  localparam LINES = (FAN_IN + LANES - 1) / LANES;

  reg [WORD*LANES-1:0] weights [0:OUT*LINES-1];
  reg [7:0] spikes [0:STEPS*IN*GROUPS*HEIGHT*WIDTH-1];
  reg [31:0] golden [0:STEPS*OUT*OUT_HEIGHT*OUT_WIDTH-1];
  reg [8*1024-1:0] name;
  reg [WORD-1:0] word;
  integer t, o, y, x, i, j, k, n, row, column, at, sum, count, wrong;

  // Two's complement; of one bit, 1 is +1 and 0 is -1.
  function integer weight(input [WORD-1:0] bits);
    weight = WORD == 1 ? (bits[0] ? 1 : -1) : $signed({{32{bits[WORD-1]}}, bits});
  endfunction

  initial begin
    if ($value$plusargs("weights=%s", name)) $readmemh(name, weights);
    if ($value$plusargs("spikes=%s", name)) $readmemh(name, spikes);
    if ($value$plusargs("accumulators=%s", name)) $readmemh(name, golden);
    count = 0;
    wrong = 0;
    for (t = 0; t < STEPS; t = t + 1)
    for (o = 0; o < OUT; o = o + 1)
    for (y = 0; y < OUT_HEIGHT; y = y + 1)
    for (x = 0; x < OUT_WIDTH; x = x + 1) begin
      sum = 0;
      for (i = 0; i < IN; i = i + 1)
      for (j = 0; j < ROWS; j = j + 1)
      for (k = 0; k < COLUMNS; k = k + 1) begin
        row = y * STRIDE + j - PADDING;
        column = x * STRIDE + k - PADDING;
        if (row >= 0 && row < HEIGHT && column >= 0 && column < WIDTH) begin
          n = (i * ROWS + j) * COLUMNS + k;
          word = weights[o*LINES + n/LANES] >> ((n % LANES) * WORD);
          at = (o / (OUT / GROUPS)) * IN + i;
          sum = sum + weight(word) * spikes[((t*IN*GROUPS + at)*HEIGHT + row)*WIDTH + column];
        end
      end
      if (sum !== $signed(golden[count])) wrong = wrong + 1;
      count = count + 1;
    end
    $display("%0d accumulators, %0d differ", count, wrong);
    $finish;
  end
endmodule
