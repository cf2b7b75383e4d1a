# Sourced by the stage programs: puts libtorch's and NVIDIA's folders on the
# loader's path. HP_TORCH_LIB, if it is set, is torch's lib folder; else what
# halfpipe-install-libtorch installed, beside this installation (hp_prefix) or
# in /opt/halfpipe, else the torch 2.11.0 wheel that python3 finds.
if [ -z "${HP_TORCH_LIB:-}" ]; then
  for hp_folder in "${hp_prefix:-/opt/halfpipe}" /opt/halfpipe; do
    if [ -e "$hp_folder/libtorch/torch/lib/libtorch_cpu.so" ]; then
      HP_TORCH_LIB="$hp_folder/libtorch/torch/lib"
      break
    fi
  done
fi
if [ -z "${HP_TORCH_LIB:-}" ]; then
  HP_TORCH_LIB="$(cd / && python3 -c '
import importlib.util, os
spec = importlib.util.find_spec("torch")
if spec: print(os.path.join(os.path.dirname(spec.origin), "lib"))' 2>/dev/null)"
fi
if [ ! -e "$HP_TORCH_LIB/libtorch_cpu.so" ]; then
  echo "halfpipe: libtorch not found in '${HP_TORCH_LIB}': run" \
    "halfpipe-install-libtorch or 'pip install torch==2.11.0', or set" \
    "HP_TORCH_LIB to torch's lib folder" >&2
  exit 3
fi
# Where Python's side of the wheel is there, it says which torch this is.
hp_version="$(sed -n "s/^__version__ = '\([^']*\)'.*/\1/p" \
  "$HP_TORCH_LIB/../version.py" 2>/dev/null || true)"
case "$hp_version" in
  *+cpu | *+cu12* | *+rocm* | *+xpu) hp_why=" and built without CUDA 13" ;;
  "" | 2.11.0 | 2.11.0[!0-9]*) hp_why="" ;;
  *) hp_why=" and these programs need 2.11.0" ;;
esac
if [ -n "$hp_why" ]; then
  echo "halfpipe: the torch in '$HP_TORCH_LIB' is $hp_version$hp_why: run" \
    "'pip install torch==2.11.0', or set HP_TORCH_LIB to the lib folder of" \
    "another" >&2
  exit 3
fi
export HP_TORCH_LIB
for hp_folder in "$HP_TORCH_LIB" "$HP_TORCH_LIB"/../../nvidia/*/lib; do
  case ":${LD_LIBRARY_PATH:-}:" in
    *":$hp_folder:"*) ;;
    *) LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$hp_folder" ;;
  esac
done
export LD_LIBRARY_PATH
unset hp_folder hp_prefix hp_version hp_why
