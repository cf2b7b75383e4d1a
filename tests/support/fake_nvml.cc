// A library that answers as NVML does for one GPU, "GPU-1", which does not tell
// its memory's clock. Useful for: code that loads NVML, without a driver.
#include <cstring>

extern "C" {

int nvmlInit_v2() { return 0; }

int nvmlShutdown() { return 0; }

int nvmlDeviceGetHandleByUUID(const char* uuid, void** device) {
  static int gpu = 1;
  if (std::strcmp(uuid, "GPU-1") != 0) return 6;  // NVML_ERROR_NOT_FOUND
  *device = &gpu;
  return 0;
}

int nvmlDeviceGetPowerUsage(void* /*device*/, unsigned int* milliwatts) {
  *milliwatts = 350500;
  return 0;
}

int nvmlDeviceGetClockInfo(void* /*device*/, int type,
                           unsigned int* megahertz) {
  if (type != 1) return 3;  // NVML_ERROR_NOT_SUPPORTED
  *megahertz = 1980;
  return 0;
}

int nvmlDeviceGetTemperature(void* /*device*/, int /*sensor*/,
                             unsigned int* celsius) {
  *celsius = 61;
  return 0;
}

}  // extern "C"
