// What MKL asks to learn whose CPU it runs on, answered as on one of another
// maker than Intel: the code it picks there, above all by address and stride
// where no reproducible mode is set, can then be tested on any machine.
extern "C" {
int mkl_serv_intel_cpu();       // NOLINT(readability-identifier-naming): MKL's
int mkl_serv_intel_cpu_true();  // NOLINT(readability-identifier-naming): MKL's

int mkl_serv_intel_cpu() { return 0; }

int mkl_serv_intel_cpu_true() { return 0; }
}
